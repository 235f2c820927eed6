// The order in which micro-batches go through the blocks. A visit is one micro-batch in one block,
// forward or backward; a turn is a run of visits of one block.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/graph/model_graph.h"

namespace longhaul {

struct Visit {
  BlockId block;
  int micro_batch = 0;
  bool is_backward = false;
  int turn = 0;
};

// Groups of `group` micro-batches (0: all) go forward through all blocks and back. The last block
// is visited forward and backward by one micro-batch after the other, in one turn, so that the
// head's gradient is used at once.
std::vector<Visit> training_visits(std::size_t blocks, int micro_batches, int group);
// Of the turn that `visit` belongs to, with that one.
std::int64_t visits_left_in_turn(const std::vector<Visit>& visits, std::size_t visit);
std::vector<Visit> forward_visits(std::size_t blocks, int micro_batches);

}  // namespace longhaul
