#include "longhaul/schedule/timeline.h"

#include <algorithm>

namespace longhaul {

Seconds makespan(const Timeline& timeline) {
  Seconds end;
  for (const Interval& interval : timeline.ops) end = std::max(end, interval.end);
  return end;
}

std::array<Seconds, kLaneCount> busy_time(const Schedule& schedule, const Timeline& timeline) {
  std::array<Seconds, kLaneCount> busy{};
  for (std::size_t i = 0; i < timeline.ops.size(); ++i) {
    const Interval& interval = timeline.ops[i];
    busy[static_cast<std::size_t>(schedule.ops()[i].lane)] += interval.end - interval.start;
  }
  return busy;
}

}  // namespace longhaul
