// The results of a sweep, as text and as one HTML page that needs no network.
#pragma once

#include <string>

#include "longhaul/run/sweep_results.h"

namespace longhaul {

// Columns of text, one line a cell.
std::string sweep_text(const SweepTable& table);

// Tokens a second over the key with the most numbers, a curve for each value of the last other key
// and a chart for each combination of the rest; then every cell, those that did not fit too.
std::string sweep_page(const std::string& name, const SweepTable& table);

}  // namespace longhaul
