#include "kernels/optim/adamw.h"

#include <cmath>

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {
namespace {

void require_unit(const char* name, double value) {
  require(value >= 0.0 && value < 1.0,
          "make_adamw_scalars: ",
          name,
          " is ",
          value,
          ", expected a number in [0, 1)");
}

}  // namespace

AdamWScalars make_adamw_scalars(const AdamWStep& step) {
  require_unit("beta1", step.beta1);
  require_unit("beta2", step.beta2);
  require_unit("beta1_power", step.beta1_power);
  require_unit("beta2_power", step.beta2_power);
  require(step.epsilon > 0.0, "make_adamw_scalars: epsilon is ", step.epsilon, ", expected > 0");
  AdamWScalars scalars{};
  scalars.clip = step.clip;
  scalars.beta1 = static_cast<float>(step.beta1);
  scalars.one_minus_beta1 = static_cast<float>(1.0 - step.beta1);
  scalars.beta2 = static_cast<float>(step.beta2);
  scalars.one_minus_beta2 = static_cast<float>(1.0 - step.beta2);
  scalars.epsilon = static_cast<float>(step.epsilon);
  scalars.inverse_sqrt_correction2 = static_cast<float>(1.0 / std::sqrt(1.0 - step.beta2_power));
  scalars.step_size = static_cast<float>(step.learning_rate / (1.0 - step.beta1_power));
  scalars.decay = static_cast<float>(step.learning_rate * step.weight_decay);
  scalars.is_skipped = step.is_skipped ? 1U : 0U;
  return scalars;
}

void check(const AdamWFp32& args) {
  constexpr const char* kPlace = "adamw_fp32";
  require_count(kPlace, args.count);
  require_pointers(kPlace, {{"scalars", args.scalars}});
  if (args.count == 0) return;
  require_pointers(kPlace,
                   {{"weight", args.weight},
                    {"momentum", args.momentum},
                    {"variance", args.variance},
                    {"gradient", args.gradient}});
}

void check(const AdamWBf16& args) {
  constexpr const char* kPlace = "adamw_bf16";
  require_count(kPlace, args.count);
  require_pointers(kPlace, {{"scalars", args.scalars}});
  if (args.count == 0) return;
  require_pointers(kPlace,
                   {{"weight", args.weight},
                    {"remainder", args.remainder},
                    {"momentum", args.momentum},
                    {"variance", args.variance},
                    {"gradient", args.gradient}});
}

}  // namespace longhaul::kernels
