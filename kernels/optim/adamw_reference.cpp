#include <bit>
#include <cmath>

#include "kernels/optim/adamw.h"
#include "kernels/optim/master.h"

namespace longhaul::kernels {
namespace {

// The written order of adamw.h; returns the new weight.
float update(
    const AdamWScalars& s, float weight, float gradient, float& momentum, float& variance) {
  const float g = s.clip * gradient;
  momentum = std::fma(s.beta1, momentum, s.one_minus_beta1 * g);
  variance = std::fma(s.one_minus_beta2 * g, g, s.beta2 * variance);
  const float denominator = std::fma(std::sqrt(variance), s.inverse_sqrt_correction2, s.epsilon);
  const float decayed = std::fma(-s.decay, weight, weight);
  return std::fma(-s.step_size, momentum / denominator, decayed);
}

}  // namespace

void adamw_fp32_reference(const AdamWFp32& args, const Launch&) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  for (std::int64_t i = 0; i < args.count; ++i) {
    args.weight[i] =
        update(*args.scalars, args.weight[i], args.gradient[i], args.momentum[i], args.variance[i]);
  }
}

void adamw_bf16_reference(const AdamWBf16& args, const Launch&) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  for (std::int64_t i = 0; i < args.count; ++i) {
    const auto master = std::bit_cast<float>(join_master(args.weight[i], args.remainder[i]));
    const auto bits = std::bit_cast<std::uint32_t>(update(
        *args.scalars, master, from_bf16(args.gradient[i]), args.momentum[i], args.variance[i]));
    args.weight[i] = master_weight(bits);
    args.remainder[i] = master_remainder(bits);
  }
}

}  // namespace longhaul::kernels
