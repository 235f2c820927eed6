// A device that takes its time and does nothing: schedules of any size run on any machine, lane by
// lane, at the speeds of another one. Proves overlap; bits and memory are proved on a HostDevice.
#pragma once

#include <memory>
#include <vector>

#include "longhaul/runtime/executor.h"

namespace longhaul {

// `durations`: one per op of the schedule that runs, copies too, divided by `speedup`. The device
// has no memory and any capacity; every op, copies too, sleeps.
struct Paced {
  std::unique_ptr<Device> device;
  std::unique_ptr<OpTable> table;
  // `placed` with every copy as an op of the table.
  PlacedSchedule placed;
};
// With `has_one_disk` reads and writes take turns of a few milliseconds, so that the times of those
// under way together add up.
Paced make_paced(const PlacedSchedule& placed,
                 std::vector<Seconds> durations,
                 double speedup,
                 bool has_one_disk = false);

}  // namespace longhaul
