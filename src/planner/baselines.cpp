#include "longhaul/planner/baselines.h"

#include <algorithm>
#include <array>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

struct Policy {
  const char* name;
  Plan (*make)();
};

constexpr std::array kPolicies{
    Policy{"resident", resident_plan},
    Policy{"recompute", recompute_plan},
    Policy{"zero_offload", zero_offload_plan},
    Policy{"zero_infinity", zero_infinity_plan},
    Policy{"lohan", [] { return lohan_plan(UpdateOrder::kOptimized); }},
    Policy{"lohan_naive", [] { return lohan_plan(UpdateOrder::kNaive); }},
    Policy{"lohan_serial", [] { return lohan_plan(UpdateOrder::kSerial); }},
};

const std::vector<SavedRule> kRecomputeAll{{"*", {}, SavedAction::kRecompute}};

}  // namespace

Plan resident_plan() {
  return {};
}

Plan recompute_plan() {
  Plan plan;
  plan.policy = "recompute";
  plan.saved = kRecomputeAll;
  return plan;
}

Plan zero_offload_plan() {
  Plan plan = recompute_plan();
  plan.policy = "zero_offload";
  plan.order = UpdateOrder::kSerial;
  plan.blocks = {.weights = {Tier::kHost},
                 .states = {Tier::kHost},
                 .keeps_weights_on_device = true,
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost};
  return plan;
}

Plan zero_infinity_plan() {
  Plan plan = recompute_plan();
  plan.policy = "zero_infinity";
  plan.order = UpdateOrder::kSerial;
  plan.block_inputs = SavedAction::kHost;
  plan.blocks = {.weights = {Tier::kDisk},
                 .states = {Tier::kDisk},
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost};
  return plan;
}

Plan lohan_plan(UpdateOrder order) {
  Plan plan = zero_infinity_plan();
  plan.order = order;
  plan.weight_window = 2;
  plan.policy = "lohan";
  if (order == UpdateOrder::kSerial) {
    plan.policy = "lohan_serial";
    return plan;
  }
  if (order == UpdateOrder::kNaive) plan.policy = "lohan_naive";
  plan.update = UpdateTime::kInBackward;
  return plan;
}

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  names.reserve(kPolicies.size());
  for (const Policy& policy : kPolicies) names.emplace_back(policy.name);
  return names;
}

Plan make_plan(const std::string& policy) {
  std::string all;
  for (const Policy& known : kPolicies) {
    if (policy == known.name) return known.make();
    all += concat(all.empty() ? "" : ", ", known.name);
  }
  throw ConfigError(concat("plan: got \"", policy, "\", expected one of ", all));
}

}  // namespace longhaul
