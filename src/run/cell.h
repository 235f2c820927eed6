// One repeat of one cell of a sweep.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>

#include "longhaul/core/log.h"
#include "longhaul/run/sweep_results.h"

namespace longhaul {

// By the planner and the simulator. Throws DoesNotFit and every other Error. Files that the cell
// needs go to `folder`.
CellResult simulate_cell(const SweepCell& cell, const std::filesystem::path& folder);

struct MeasureRules {
  std::int64_t steps = 0;
  std::int64_t warmup = 0;
  LogSink& log;
  const std::atomic<bool>& stop;
};
// By training in a child process, with `folder` as the output of the run. Whatever ends the child
// is a result; nothing when it was stopped.
std::optional<CellResult> measure_cell(const SweepCell& cell,
                                       const std::filesystem::path& folder,
                                       const MeasureRules& rules);

// The configuration of the cell's run, and the plan file that it names.
RunConfig prepare_cell(const SweepCell& cell, const std::filesystem::path& folder);

}  // namespace longhaul
