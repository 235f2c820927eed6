#include "visits.h"

#include <algorithm>

namespace longhaul {

std::vector<Visit> training_visits(std::size_t blocks, int micro_batches, int group) {
  const int size = group == 0 ? micro_batches : std::min(group, micro_batches);
  std::vector<Visit> visits;
  int turn = 0;
  for (int first = 0; first < micro_batches; first += size) {
    const int end = std::min(first + size, micro_batches);
    const auto visit_all = [&](std::size_t block, bool is_backward) {
      for (int m = first; m < end; ++m) {
        visits.push_back({make_id<BlockId>(block), m, is_backward, turn});
      }
      ++turn;
    };
    for (std::size_t b = 0; b + 1 < blocks; ++b) visit_all(b, false);
    for (int m = first; m < end; ++m) {
      visits.push_back({make_id<BlockId>(blocks - 1), m, false, turn});
      visits.push_back({make_id<BlockId>(blocks - 1), m, true, turn});
    }
    ++turn;
    for (std::size_t b = blocks - 1; b-- > 0;) visit_all(b, true);
  }
  return visits;
}

std::int64_t visits_left_in_turn(const std::vector<Visit>& visits, std::size_t visit) {
  std::size_t end = visit;
  while (end < visits.size() && visits[end].turn == visits[visit].turn) ++end;
  return static_cast<std::int64_t>(end - visit);
}

std::vector<Visit> forward_visits(std::size_t blocks, int micro_batches) {
  std::vector<Visit> visits;
  for (std::size_t b = 0; b < blocks; ++b) {
    for (int m = 0; m < micro_batches; ++m) {
      visits.push_back({make_id<BlockId>(b), m, false, static_cast<int>(b)});
    }
  }
  return visits;
}

}  // namespace longhaul
