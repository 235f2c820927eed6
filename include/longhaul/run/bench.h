// Runs a sweep: one repeat of every cell, then the next repeat of every cell, so that what changes
// with time changes for all alike. What is done is not done again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "longhaul/core/log.h"
#include "longhaul/run/sweep_results.h"

namespace longhaul {

struct BenchProgress {
  std::int64_t done = 0;  // repeats of cells, this one included
  std::int64_t total = 0;
  const CellResult& result;
};

// Adds a line to results.jsonl in the sweep's folder after each repeat of a cell, and writes
// results.json and results.csv anew. A cell that does not fit is a result, as is one that fails;
// every measured one trains in a process of its own, which may run out of memory or crash. Returns
// early when `stop` is set; the repeat that was going on is then as if it had not begun.
// Throws IoError; FormatError when results.jsonl is damaged.
SweepTable run_sweep(const Sweep& sweep,
                     const std::function<void(const BenchProgress&)>& on_result,
                     LogSink& log,
                     const std::atomic<bool>& stop);

}  // namespace longhaul
