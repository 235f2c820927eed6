// How long a schedule takes: lanes run their ops in order, an op begins when those it waits for
// have ended, and ops that run together share what they both use. Virtual time, no randomness.
#pragma once

#include <array>
#include <vector>

#include "longhaul/schedule/placement.h"
#include "longhaul/schedule/schedule.h"
#include "longhaul/schedule/timeline.h"
#include "longhaul/sim/cost.h"

namespace longhaul {

struct Simulation {
  Timeline timeline;
  Seconds step;                             // the end of the last op
  std::array<Seconds, kLaneCount> busy{};   // inside ops
  std::array<Seconds, kLaneCount> alone{};  // what those ops take when nothing is shared
  std::array<Bytes, kLaneCount> moved{};    // by copies
  std::array<Bytes, kTierCount> peak{};     // of a placed schedule; of another one 0
  std::vector<OpId> cause;                  // per op: the one whose end let it begin, or none
};

// Op costs as `costs` says, in the order of ops. A resource that is asked for more than it has
// slows its users: each gets the same share of its full speed, and those held back elsewhere leave
// theirs to the others (max-min fairness, Bertsekas & Gallager 1992, section 6.5.2). Throws
// InvalidArgument when the number of costs is another. Time and memory are linear in ops and
// dependencies.
Simulation simulate(const Schedule& schedule, const OpCosts& costs);
Simulation simulate(const PlacedSchedule& placed, const OpCosts& costs);

// The ops of a longest chain, first to last: each begins when the one before it ends.
std::vector<OpId> critical_path(const Simulation& simulation);

// The lane that is busy longest.
Lane busiest_lane(const Simulation& simulation);

}  // namespace longhaul
