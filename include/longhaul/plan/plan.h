// Every decision about when and where, and none about what: two plans for one run give the same
// bits.
#pragma once

#include <string>

namespace longhaul {

struct Plan {
  // The named way in which the plan was made.
  std::string policy = "resident";
};

// Everything stays on the device; every saved tensor is kept; updates run on the device after the
// last gradient.
Plan resident_plan();

// Throws ConfigError that lists what exists when `policy` is unknown.
Plan make_plan(const std::string& policy);

}  // namespace longhaul
