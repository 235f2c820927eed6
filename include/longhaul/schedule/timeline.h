// Start and end of every op of a schedule, predicted or measured: the same type.
#pragma once

#include <array>
#include <vector>

#include "longhaul/core/units.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

struct Interval {
  Seconds start;  // since the start of the pass
  Seconds end;
};

struct Timeline {
  std::vector<Interval> ops;  // by OpId
};

// From the start of the pass to the end of its last op.
Seconds makespan(const Timeline& timeline);

// Time each lane spends inside ops.
std::array<Seconds, kLaneCount> busy_time(const Schedule& schedule, const Timeline& timeline);

}  // namespace longhaul
