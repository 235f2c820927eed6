#include "kernels/optim/adamw.h"
#include "kernels/simd/master_lanes.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

struct Moments {
  float* momentum;
  float* variance;
};

// The step's scalars in every lane.
struct Scalars {
  LONGHAUL_LANES_INLINE explicit Scalars(const AdamWScalars& s)
      : clip(splat(s.clip)),
        beta1(splat(s.beta1)),
        one_minus_beta1(splat(s.one_minus_beta1)),
        beta2(splat(s.beta2)),
        one_minus_beta2(splat(s.one_minus_beta2)),
        epsilon(splat(s.epsilon)),
        inverse_sqrt_correction2(splat(s.inverse_sqrt_correction2)),
        step_size(splat(s.step_size)),
        decay(splat(s.decay)) {}

  Lanes clip, beta1, one_minus_beta1, beta2, one_minus_beta2;
  Lanes epsilon, inverse_sqrt_correction2, step_size, decay;
};

// The written order of adamw.h: updates the moments at `at`, returns the new weights.
template <class Span>
LONGHAUL_LANES_INLINE Lanes
update(const Scalars& s, Lanes weight, Lanes gradient, Moments at, Span span) {
  const Lanes g = s.clip * gradient;
  const Lanes m =
      fma(s.beta1, load(static_cast<const float*>(at.momentum), span), s.one_minus_beta1 * g);
  const Lanes v =
      fma(s.one_minus_beta2 * g, g, s.beta2 * load(static_cast<const float*>(at.variance), span));
  store(at.momentum, m, span);
  store(at.variance, v, span);
  const Lanes denominator = fma(sqrt(v), s.inverse_sqrt_correction2, s.epsilon);
  return fnma(s.step_size, m / denominator, fnma(s.decay, weight, weight));
}

}  // namespace

void LONGHAUL_SIMD_BODY(adamw_fp32)(const AdamWFp32& args, const Launch& launch) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  for_chunks(launch, args.count, kElementsPerChunk, [&](std::int64_t first, std::int64_t last) {
    const Scalars scalars(*args.scalars);
    for_lanes(first, last, [=](std::int64_t i, auto span) {
      const Lanes weight = load(static_cast<const float*>(args.weight) + i, span);
      const Moments at{args.momentum + i, args.variance + i};
      store(
          args.weight + i, update(scalars, weight, load(args.gradient + i, span), at, span), span);
    });
  });
}

void LONGHAUL_SIMD_BODY(adamw_bf16)(const AdamWBf16& args, const Launch& launch) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  for_chunks(launch, args.count, kElementsPerChunk, [&](std::int64_t first, std::int64_t last) {
    const Scalars scalars(*args.scalars);
    const Bf16* gradient = reinterpret_cast<const Bf16*>(args.gradient);
    for_lanes(first, last, [=](std::int64_t i, auto span) {
      const Lanes master = load_master(args.weight + i, args.remainder + i, span);
      const Moments at{args.momentum + i, args.variance + i};
      const Lanes updated = update(scalars, master, load(gradient + i, span), at, span);
      store_master(updated, args.weight + i, args.remainder + i, span);
    });
  });
}

}  // namespace longhaul::kernels
