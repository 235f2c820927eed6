// A sweep: one run configuration, some of its keys with several values each, every combination
// measured (or simulated) several times. docs/bench.md lists the keys of its file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "longhaul/config/document.h"
#include "longhaul/core/units.h"
#include "longhaul/planner/published.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

// One combination.
struct SweepCell {
  std::vector<std::pair<std::string, std::string>> settings;  // of the grid, in its order
  RunConfig config;
  std::optional<PublishedSystem> system;  // none: longhaul itself
  std::optional<std::int64_t> drives;     // of the machine's first kind; none: as its profile says
  std::optional<std::int64_t> micro_batches;  // of a step, instead of tokens_per_micro_batch
  std::optional<Bytes> swap_bytes;            // of the plan, a policy of LoHan; none: as it stands
  std::string id;  // of everything that its result depends on, files it names included
};

struct Sweep {
  std::string output;  // folder
  bool simulate = false;
  std::int64_t repeats = 1;
  std::int64_t steps = 5;   // measured, of each repeat
  std::int64_t warmup = 2;  // steps before them
  std::vector<SweepCell> cells;
};

// Throws ConfigError with file and line when the sweep or one of its cells is impossible; IoError.
Sweep parse_sweep(const Document& document);

}  // namespace longhaul
