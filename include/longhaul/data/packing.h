// Sequences into micro-batches of a fixed number of tokens.
//
// A packing is a function of the lengths and their order alone, so the number of steps of an epoch
// is known before it begins.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "longhaul/data/dataset.h"

namespace longhaul {

// Run constants: every micro-batch of a run has these shapes.
struct PackingRules {
  std::int64_t tokens = 0;        // of a micro-batch
  std::int32_t max_segments = 0;  // sequences and the tail, at least 2
  TokenId padding = 0;            // the id of the tail's tokens; any valid id
};

// Which sequences stand together, in order.
struct Packing {
  std::vector<std::int64_t> sequences;
  std::vector<std::int64_t> begin{0};  // [size + 1], into `sequences`

  std::int64_t size() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  std::span<const std::int64_t> operator[](std::int64_t micro_batch) const;
};

// A bound on segments that the lengths do not reach in practice: twice as many as fit on average,
// rounded up to a multiple of 8, no more than can fit, at least 2. A rule of the run. Throws
// InvalidArgument for a length < 1.
std::int32_t default_max_segments(std::span<const std::int64_t> lengths, std::int64_t tokens);

// Packs lengths[order[0]], lengths[order[1]], ...: each sequence of `order` once, at most
// max_segments - 1 of them and `tokens` tokens in a micro-batch.
//
// The order is cut into windows of 256 micro-batches' worth of tokens. In a window each sequence
// goes into the fullest micro-batch that has room for it (best fit): first those longer than a
// quarter of a micro-batch, the longest first, then the others as they stand in `order`. The
// micro-batches of a window are then shuffled, in the same way for every call, so that there is no
// trend in length. A sequence moves by a window at most. Costs n log n.
//
// Throws InvalidArgument when a length is < 1 or > tokens, or max_segments < 2.
Packing pack(std::span<const std::int64_t> order,
             std::span<const std::int64_t> lengths,
             const PackingRules& rules);

// The inputs of one pass through the model, all of fixed shape.
struct MicroBatch {
  std::vector<std::int32_t> ids;        // [tokens]
  std::vector<std::int32_t> positions;  // [tokens], from 0 in every segment
  std::vector<std::int32_t> targets;    // [tokens]: the id that follows in the segment; -1: none
  std::vector<std::int32_t>
      segment_offsets;  // [max_segments + 1]: sequences, the tail where there is one,
                        // empty segments; begins with 0, ends with tokens
  std::vector<std::int32_t> sorted_order;     // [tokens]: tokens sorted by (id, token)
  std::vector<std::int32_t> positions_order;  // [tokens]: tokens sorted by (position, token)
  std::vector<std::int64_t> sequences;  // samples of the dataset, one for each leading segment
  std::int64_t sequence_tokens = 0;     // without the tail
  std::int64_t target_tokens = 0;
};

// No sequences make a micro-batch of padding, which has no target and contributes zero. Throws
// InvalidArgument when they do not fit.
MicroBatch make_micro_batch(const Dataset& dataset,
                            std::span<const std::int64_t> sequences,
                            const PackingRules& rules);

// The whole dataset in its own order, as evaluation reads it.
Packing pack_in_order(const Dataset& dataset, const PackingRules& rules);

// Tokens of sequences by tokens of micro-batches; 1 for an empty packing.
double fill_rate(const Packing& packing,
                 std::span<const std::int64_t> lengths,
                 const PackingRules& rules);

// The length of every sample.
std::vector<std::int64_t> lengths_of(const Dataset& dataset);

}  // namespace longhaul
