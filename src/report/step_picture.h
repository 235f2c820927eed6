// The lanes of a step and, on the same time axis, what was alive in each tier.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "longhaul/report/step_lanes.h"

namespace longhaul {

using TierCaps = std::array<std::optional<Bytes>, kTierCount>;

// An SVG with its legend. Tiers that hold nothing are left out, as are lanes without ops; a cap
// is drawn where there is one.
std::string step_picture(const StepLanes& lanes, const TierCaps& caps);

}  // namespace longhaul
