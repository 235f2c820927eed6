#include "longhaul/plan/plan.h"

#include "longhaul/core/error.h"

namespace longhaul {

Plan resident_plan() {
  return {.policy = "resident"};
}

Plan make_plan(const std::string& policy) {
  if (policy == "resident") return resident_plan();
  throw ConfigError(concat("plan: got \"", policy, "\", expected resident"));
}

}  // namespace longhaul
