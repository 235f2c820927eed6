#include "longhaul/run/run_plan.h"

#include <algorithm>

#include "longhaul/config/document.h"
#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/planner/auto_plan.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/planner/swaps.h"
#include "longhaul/run/plan_problem.h"

namespace longhaul {
namespace {

Plan plan_run(const RunConfig& config, const ModelGraph& graph, const BatchShape& shape) {
  if (!config.hardware) {
    throw ConfigError(
        "plan: auto goes by the machine's profile; expected hardware: FILE beside it "
        "(configs/hardware has some)");
  }
  const AutoPlan plan =
      make_auto_plan(make_problem(config, graph, shape, load_hardware(*config.hardware)));
  if (!plan.best) throw DoesNotFit("plan: auto: " + plan.refusal);
  return plan.best->plan;
}

// A policy by its name, or what a file says.
Plan plan_named(const std::string& name, const ModelGraph& graph, const BatchShape& shape) {
  const std::vector<std::string> policies = policy_names();
  if (std::find(policies.begin(), policies.end(), name) != policies.end()) return make_plan(name);
  const Document document = load_document(name);
  return is_swap_request(document) ? make_plan(document, graph, shape) : parse_plan(document);
}

}  // namespace

Plan load_run_plan(const RunConfig& config, const ModelGraph& graph, const BatchShape& shape) {
  if (config.plan == "auto") return plan_run(config, graph, shape);
  Plan plan = plan_named(config.plan, graph, shape);
  if (plan.update != UpdateTime::kInBackward) return plan;
  if (config.training.max_grad_norm) {
    throw ConfigError(
        concat("plan: ",
               config.plan,
               ": update: in_backward updates a block before the gradient norm is "
               "known, and training.max_grad_norm asks for clipping; expected update: "
               "after_backward, in_next_forward or speculative, or max_grad_norm: none"));
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
