// The seconds of an op on a machine that a few rates describe.
#pragma once

#include <array>
#include <vector>

#include "longhaul/graph/model_graph.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

struct MachineRates {
  FlopsPerSecond forward;                         // of the device; recomputation runs at it too
  FlopsPerSecond backward;                        // of the device
  BytesPerSecond device_memory;                   // of ops that only move
  BytesPerSecond host_memory;                     // ditto on the host
  double host_updates = 0.0;                      // parameters a second of the optimizer
  std::array<BytesPerSecond, kLaneCount> copies;  // by lane; those without copies are not read
  Seconds copy_latency;
};

// One duration per op. `sequence`: tokens of a sequence, which decides what attention costs.
std::vector<Seconds> op_durations(const ModelGraph& graph,
                                  const Schedule& schedule,
                                  const BatchShape& shape,
                                  std::int64_t sequence,
                                  const MachineRates& rates);

}  // namespace longhaul
