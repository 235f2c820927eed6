#include "kernels/optim/adamw.h"
#include "kernels/simd/master_lanes.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

struct Moments {
  const float* old_momentum;
  const float* old_variance;
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

// A core has too few requests to memory under way when it only reads ahead by itself: five streams,
// and each of their pages is a new start.
template <class T>
LONGHAUL_LANES_INLINE void fetch_ahead(const T* stream) {
  constexpr std::int64_t kAhead = 1024;  // bytes
  __builtin_prefetch(reinterpret_cast<const char*>(stream) + kAhead);
}

// The written order of adamw.h: updates the moments at `at`, returns the new weights.
template <class Span>
LONGHAUL_LANES_INLINE Lanes
update(const Scalars& s, Lanes weight, Lanes gradient, Moments at, Span span) {
  fetch_ahead(at.old_momentum);
  fetch_ahead(at.old_variance);
  const Lanes g = s.clip * gradient;
  const Lanes m = fma(s.beta1, load(at.old_momentum, span), s.one_minus_beta1 * g);
  const Lanes v = fma(s.one_minus_beta2 * g, g, s.beta2 * load(at.old_variance, span));
  store(at.momentum, m, span);
  store(at.variance, v, span);
  const Lanes denominator = fma(sqrt(v), s.inverse_sqrt_correction2, s.epsilon);
  return fnma(s.step_size, m / denominator, fnma(s.decay, weight, weight));
}

}  // namespace

void LONGHAUL_SIMD_BODY(adamw_fp32)(const AdamWFp32& args, const Launch& launch) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  const AdamWFp32 a = with_old_arrays(args);
  for_chunks(launch, a.count, kElementsPerChunk, [&](std::int64_t first, std::int64_t last) {
    const Scalars scalars(*a.scalars);
    for_lanes(first, last, [=](std::int64_t i, auto span) {
      fetch_ahead(a.old_weight + i);
      fetch_ahead(a.gradient + i);
      const Moments at{a.old_momentum + i, a.old_variance + i, a.momentum + i, a.variance + i};
      const Lanes weight = load(a.old_weight + i, span);
      store(a.weight + i, update(scalars, weight, load(a.gradient + i, span), at, span), span);
    });
  });
}

void LONGHAUL_SIMD_BODY(adamw_bf16)(const AdamWBf16& args, const Launch& launch) {
  check(args);
  if (args.scalars->is_skipped != 0) return;
  const AdamWBf16 a = with_old_arrays(args);
  for_chunks(launch, a.count, kElementsPerChunk, [&](std::int64_t first, std::int64_t last) {
    const Scalars scalars(*a.scalars);
    const Bf16* gradient = reinterpret_cast<const Bf16*>(a.gradient);
    for_lanes(first, last, [=](std::int64_t i, auto span) {
      fetch_ahead(a.old_weight + i);
      fetch_ahead(a.old_remainder + i);
      fetch_ahead(gradient + i);
      const Lanes master = load_master(a.old_weight + i, a.old_remainder + i, span);
      const Moments at{a.old_momentum + i, a.old_variance + i, a.momentum + i, a.variance + i};
      const Lanes updated = update(scalars, master, load(gradient + i, span), at, span);
      store_master(updated, a.weight + i, a.remainder + i, span);
    });
  });
}

}  // namespace longhaul::kernels
