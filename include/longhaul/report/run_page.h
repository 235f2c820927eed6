// A training run, or several side by side, as one HTML page that needs no network.
#pragma once

#include <span>
#include <string>

#include "longhaul/run/run_record.h"

namespace longhaul {

// Loss, gradient norm and speed over steps, a typical step's lanes and memory, prediction against
// measurement, the plan in words, settings and environment; of several runs the curves lie over
// each other. Throws FormatError when lanes.json or prediction.json is not what it should be.
std::string run_page(std::span<const RunRecord> records);

}  // namespace longhaul
