#include "longhaul/run/run_plan.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/planner/baselines.h"

namespace longhaul {

Plan load_run_plan(const RunConfig& config) {
  const std::vector<std::string> policies = policy_names();
  const bool is_policy = std::find(policies.begin(), policies.end(), config.plan) != policies.end();
  Plan plan = is_policy ? make_plan(config.plan) : load_plan(config.plan);
  if (plan.update != UpdateTime::kInBackward) return plan;
  if (config.training.max_grad_norm) {
    throw ConfigError(
        concat("plan: ",
               config.plan,
               ": update: in_backward updates a block before the gradient norm is "
               "known, and training.max_grad_norm asks for clipping; expected update: "
               "after_backward or in_next_forward, or max_grad_norm: none"));
  }
  if (config.training.on_nonfinite == OnNonfinite::kSkip) {
    throw ConfigError(concat("plan: ",
                             config.plan,
                             ": update: in_backward cannot take back an update, and "
                             "training.on_nonfinite: skip asks for it; expected stop"));
  }
  return plan;
}

}  // namespace longhaul
