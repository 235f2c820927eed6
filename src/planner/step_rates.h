// What the linear program prices things with, asked of the cost model that simulates: seconds of
// nodes, seconds per byte and parameter.
#pragma once

#include <vector>

#include "longhaul/planner/problem.h"
#include "longhaul/sim/cost.h"

namespace longhaul {

struct StepRates {
  // [node], one micro-batch, seconds. A head's backward holds its forward too: they run as one.
  std::vector<double> forward;
  std::vector<double> backward;
  // Seconds per byte, of copies as long as a chunk.
  double to_device = 0.0;
  double to_host = 0.0;
  double disk_read = 0.0;
  double disk_write = 0.0;
  double host_memory = 0.0;
  double device_memory = 0.0;
  double accumulate = 0.0;  // of ops of the host lane
  double update = 0.0;      // seconds per parameter of the optimizer on the host
  // What both directions of the link together yield, and reads and writes of the disk together,
  // where one alone yields 1.
  double link_shared = 2.0;
  double disk_shared = 1.0;
  // Shares of the cores that lanes take, on a device that computes on them.
  double compute_cores = 0.0;
  double update_cores = 0.0;
  double copy_cores = 0.0;
};

CostModel cost_model(const Problem& problem);
StepRates step_rates(const Problem& problem);

}  // namespace longhaul
