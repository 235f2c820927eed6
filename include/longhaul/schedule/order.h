// Which op certainly ends before another starts: the order that dependencies and lanes give, as
// one clock per op and lane (Fidge 1988, Mattern 1989). Memory is shared along this order only.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "longhaul/schedule/schedule.h"

namespace longhaul {

class HappensBefore {
 public:
  explicit HappensBefore(const Schedule& schedule);

  // True when `first` has ended before `second` starts in every execution.
  bool operator()(OpId first, OpId second) const;

  // Ops of each lane that have ended before one starts; along a lane they only grow.
  using Clock = std::array<std::int32_t, kLaneCount>;
  const Clock& seen(OpId op) const { return clocks_[op.index()]; }
  // Ops of its lane before it.
  std::int32_t position(OpId op) const { return positions_[op.index()]; }
  // The ops of a lane in order.
  const std::vector<OpId>& lane(Lane lane) const { return ops_[static_cast<std::size_t>(lane)]; }

 private:
  std::vector<Clock> clocks_;
  std::vector<std::int32_t> positions_;  // of each op on its lane
  std::vector<Lane> lanes_;
  std::array<std::vector<OpId>, kLaneCount> ops_;
};

// What is wrong with a schedule: two ops of different lanes that touch the same bytes, at least
// one writing, with no order between them; a read of a buffer that is not persistent before
// anything wrote it. Empty when the schedule is sound.
std::vector<std::string> find_races(const Schedule& schedule);

// Throws InvalidArgument with the first of find_races and their number.
void check(const Schedule& schedule);

}  // namespace longhaul
