// Compiled without contraction (-fmad=false): fma is what the written order says and no more.
// Division and square root are IEEE and denormals kept by nvcc's defaults.
#include "kernels/device/element.cuh"
#include "kernels/device/elements.cuh"
#include "kernels/device/master.cuh"
#include "kernels/optim/adamw.h"

namespace longhaul::kernels {
namespace {

// The written order of adamw.h; returns the new weight.
__device__ float update(
    const AdamWScalars& s, float weight, float gradient, float& momentum, float& variance) {
  const float g = s.clip * gradient;
  momentum = fmaf(s.beta1, momentum, s.one_minus_beta1 * g);
  variance = fmaf(s.one_minus_beta2 * g, g, s.beta2 * variance);
  const float denominator = fmaf(sqrtf(variance), s.inverse_sqrt_correction2, s.epsilon);
  const float decayed = fmaf(-s.decay, weight, weight);
  return fmaf(-s.step_size, momentum / denominator, decayed);
}

struct Fp32Body {
  AdamWFp32 args;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    const AdamWScalars s = *args.scalars;
    if (s.is_skipped != 0) return;
    float w[kCount], g[kCount], m[kCount], v[kCount];
    load(args.old_weight + i, w);
    load(args.gradient + i, g);
    load(args.old_momentum + i, m);
    load(args.old_variance + i, v);
    for (int k = 0; k < kCount; ++k) w[k] = update(s, w[k], g[k], m[k], v[k]);
    store(args.momentum + i, m);
    store(args.variance + i, v);
    store(args.weight + i, w);
  }
};

struct Bf16Body {
  AdamWBf16 args;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    const AdamWScalars s = *args.scalars;
    if (s.is_skipped != 0) return;
    float w[kCount], g[kCount], m[kCount], v[kCount];
    load_master(args.old_weight + i, args.old_remainder + i, w);
    load(reinterpret_cast<const Bf16*>(args.gradient) + i, g);
    load(args.old_momentum + i, m);
    load(args.old_variance + i, v);
    for (int k = 0; k < kCount; ++k) w[k] = update(s, w[k], g[k], m[k], v[k]);
    store(args.momentum + i, m);
    store(args.variance + i, v);
    store_master(w, args.weight + i, args.remainder + i);
  }
};

}  // namespace

void adamw_fp32_cuda(const AdamWFp32& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  const AdamWFp32 a = with_old_arrays(args);
  launch_elements(
      static_cast<cudaStream_t>(launch.stream),
      args.count,
      Fp32Body{a},
      {a.weight, a.gradient, a.momentum, a.variance, a.old_weight, a.old_momentum, a.old_variance});
}

void adamw_bf16_cuda(const AdamWBf16& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  const AdamWBf16 a = with_old_arrays(args);
  launch_elements(static_cast<cudaStream_t>(launch.stream),
                  args.count,
                  Bf16Body{a},
                  {a.weight,
                   a.remainder,
                   a.gradient,
                   a.momentum,
                   a.variance,
                   a.old_weight,
                   a.old_remainder,
                   a.old_momentum,
                   a.old_variance});
}

}  // namespace longhaul::kernels
