// Seconds of a step and of its lanes, predicted and measured (prediction.json).
#pragma once

#include <array>
#include <optional>

#include "longhaul/core/json.h"
#include "longhaul/core/units.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

struct StepSeconds {
  Seconds step;
  std::array<Seconds, kLaneCount> busy{};
};

struct StepPrediction {
  StepSeconds predicted;
  std::optional<StepSeconds> measured;  // none: the run has not come to it yet
};

// {"seconds": 1.2, "lanes": {"compute": 1.1, ...}, "measured": {"seconds": ..., "lanes": ...}}; a
// lane that is missing does nothing. Throws FormatError.
StepPrediction parse_prediction(const Json& json);

// A table with bars.
std::string prediction_table(const StepPrediction& prediction);

}  // namespace longhaul
