#include <bit>
#include <cmath>

#include "kernels/optim/adamw.h"
#include "kernels/optim/master.h"

namespace longhaul::kernels {
namespace {

struct Moments {
  float momentum;
  float variance;
};

// The written order of adamw.h: updates the moments, returns the new weight.
float update(const AdamWScalars& s, float weight, float gradient, Moments& at) {
  const float g = s.clip * gradient;
  at.momentum = std::fma(s.beta1, at.momentum, s.one_minus_beta1 * g);
  at.variance = std::fma(s.one_minus_beta2 * g, g, s.beta2 * at.variance);
  const float denominator = std::fma(std::sqrt(at.variance), s.inverse_sqrt_correction2, s.epsilon);
  const float decayed = std::fma(-s.decay, weight, weight);
  return std::fma(-s.step_size, at.momentum / denominator, decayed);
}

}  // namespace

void adamw_fp32_reference(const AdamWFp32& args, const Launch&) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  const AdamWFp32 a = with_old_arrays(args);
  for (std::int64_t i = 0; i < a.count; ++i) {
    Moments moments{a.old_momentum[i], a.old_variance[i]};
    a.weight[i] = update(*a.scalars, a.old_weight[i], a.gradient[i], moments);
    a.momentum[i] = moments.momentum;
    a.variance[i] = moments.variance;
  }
}

void adamw_bf16_reference(const AdamWBf16& args, const Launch&) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  const AdamWBf16 a = with_old_arrays(args);
  for (std::int64_t i = 0; i < a.count; ++i) {
    Moments moments{a.old_momentum[i], a.old_variance[i]};
    const auto master = std::bit_cast<float>(join_master(a.old_weight[i], a.old_remainder[i]));
    const auto bits =
        std::bit_cast<std::uint32_t>(update(*a.scalars, master, from_bf16(a.gradient[i]), moments));
    a.weight[i] = master_weight(bits);
    a.remainder[i] = master_remainder(bits);
    a.momentum[i] = moments.momentum;
    a.variance[i] = moments.variance;
  }
}

}  // namespace longhaul::kernels
