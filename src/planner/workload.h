// A step in totals, as the linear program sees it: parameters, seconds of compute, and which saved
// tensors spare how much recomputation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/planner/problem.h"

#include "step_rates.h"

namespace longhaul {

// The saved tensors that one node writes: keeping them together spares running it again.
struct SavedUnit {
  // In each block that has it.
  struct Site {
    BlockId block;
    std::vector<TensorId> tensors;
  };
  std::vector<Site> sites;
  std::vector<std::string> patterns;  // match the tensors of all sites
  double bytes = 0.0;                 // of all sites, one micro-batch
  double seconds = 0.0;               // of recomputation, all sites, one micro-batch
};

struct Workload {
  double weights = 0.0;          // elements of all blocks
  double trainable = 0.0;        // elements
  double forward_fetch = 0.0;    // elements of weights that a forward over all blocks uses,
  double backward_fetch = 0.0;   // and a backward
  double forward = 0.0;          // seconds, one micro-batch
  double backward = 0.0;         // seconds, one micro-batch; head included, nothing recomputed
  double input_bytes = 0.0;      // inputs of blocks, one micro-batch
  std::vector<SavedUnit> units;  // by falling seconds per byte

  // --- what is there at once
  std::vector<double> block_weights;    // elements, [block]
  std::vector<double> block_trainable;  // elements, [block]
  // Elements that come to the device for a visit of the block, where they stream.
  std::vector<double> visit_weights;     // [block]
  std::optional<std::size_t> embedding;  // the block that holds the embedding's table
  std::optional<std::size_t> tiled;      // the block whose weight the head takes tile by tile
  double head_tile = 0.0;                // elements of a tile; 0: the head takes it whole
  double hidden_bytes = 0.0;             // an activation between blocks, one micro-batch
  std::vector<double> visit_bytes;       // [block]: of a visit beside weights and their gradients
};

std::optional<std::size_t> embedding_block(const ModelGraph& graph);

Workload summarize(const Problem& problem, const StepRates& rates);

}  // namespace longhaul
