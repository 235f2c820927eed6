// How long a schedule takes when every op takes a known time: lanes run their ops in order, an op
// begins when those it waits for have ended. Nothing is shared between lanes.
#pragma once

#include <span>
#include <vector>

#include "longhaul/schedule/schedule.h"
#include "longhaul/schedule/timeline.h"

namespace longhaul {

// `durations`: one per op. Throws InvalidArgument when their number is another. The makespan is the
// critical path under FIFO lanes; time and memory are linear in ops and dependencies.
Timeline replay(const Schedule& schedule, std::span<const Seconds> durations);

// The ops of a longest chain of a replayed timeline, first to last: each begins when the one before
// it ends.
std::vector<OpId> critical_path(const Schedule& schedule, const Timeline& replayed);

}  // namespace longhaul
