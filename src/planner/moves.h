// Plans next to a plan: those that differ in one decision. A decision is about the whole step,
// about all blocks that are kept alike, about all tensors that one kind of node saves, or about one
// of those blocks or tensors.
#pragma once

#include <functional>
#include <vector>

#include "decisions.h"

namespace longhaul {

// Whether each block is looked at alone.
inline bool has_few_blocks(const Problem& problem) {
  constexpr std::size_t kFew = 10;
  return problem.graph.blocks.size() <= kFew;
}

using Move = std::function<void(Decisions&)>;

enum class Reach : std::uint8_t {
  kTuning,   // windows, shares, staging, inputs of blocks: most often worth a move
  kClasses,  // all decisions about the step and about what is alike
  kSingle,   // those, and about single blocks, tensors and micro-batches
};

// What a plan may become; some of it may be impossible for the graph. Of a given plan always the
// same in the same order.
std::vector<Move> moves_from(const Problem& problem,
                             const Workload& work,
                             const Decisions& here,
                             Reach reach);

// In RAM, of a home on disk that is new.
std::vector<double> shares_in_ram(bool has_disk);

// The ways to keep a block: homes on device, host and, where there are shares for it, on disk with
// such a share of it in RAM; updates on either; a copy of the weights on the device or not.
std::vector<BlockPlan> ways_to_keep(const std::vector<double>& ram_shares);

// Plans in few strokes, to start from where looking at many costs little: every way to keep all
// blocks; with every other one, or embedding and head, on the device or on the host instead; at
// every time of updates. All saved tensors are computed again.
std::vector<Decisions> outlines(const Problem& problem, const Workload& work);

}  // namespace longhaul
