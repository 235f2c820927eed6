// What steps were predicted to take, and what they took.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/core/units.h"
#include "longhaul/schedule/timeline.h"

namespace longhaul {

struct StepTimes {
  Seconds step;
  std::array<Seconds, kLaneCount> busy{};  // of each lane, inside ops
};

// Of each number its own median. At least one step.
StepTimes median_of(const std::vector<StepTimes>& steps);

struct Prediction {
  StepTimes predicted;
  StepTimes measured;

  // How much longer a step took than predicted, as a share of what was predicted; negative: less.
  double drift() const;
  // The lane whose busy time is furthest from what was predicted; none where even that is less than
  // half of what the step is off by.
  std::optional<Lane> mispredicted() const;
};

// Steps this far from what was predicted are worth a word.
inline constexpr double kLargestDrift = 0.15;

// prediction.json of a run's folder: {"seconds", "lanes": {"compute", ...}, "measured": {...}}.
Json to_json(const Prediction& prediction);

}  // namespace longhaul
