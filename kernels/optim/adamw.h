// AdamW: Loshchilov & Hutter 2019, algorithm 2 (decoupled weight decay), in one written order of
// correctly rounded fp32 operations, so that every body gives the same bits (NaN payloads aside):
//
//   g  = clip * gradient
//   m' = fma(beta1, m, (1 - beta1) * g)
//   v' = fma((1 - beta2) * g, g, beta2 * v)
//   d  = fma(sqrt(v'), inverse_sqrt_correction2, epsilon)
//   w' = fma(-step_size, m' / d, fma(-decay, w, w))
//
// The paper's alpha, lambda, eta are learning_rate, weight_decay, 1. Denormals are kept.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// What a user sets, and where the run is: all that a step's scalars are made of.
struct AdamWStep {
  double learning_rate;
  double beta1;
  double beta2;
  double epsilon;
  double weight_decay;
  double beta1_power;  // beta1^t by repeated fp64 products, t = 1 in the first step
  double beta2_power;  // beta2^t
  float clip;          // factor on the gradient; 1: none
  bool is_skipped;     // nothing is written
};

// The numbers above, made ready once per step.
struct AdamWScalars {
  float clip;
  float beta1;
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float epsilon;
  float inverse_sqrt_correction2;  // 1 / sqrt(1 - beta2^t)
  float step_size;                 // learning_rate / (1 - beta1^t)
  float decay;                     // learning_rate * weight_decay
  std::uint32_t is_skipped;        // 0 or 1
};

// Each scalar computed in fp64 and rounded once. Throws InvalidArgument unless betas and their
// powers are in [0, 1) and epsilon is positive.
AdamWScalars make_adamw_scalars(const AdamWStep& step);

// An update in place, or from the arrays `old_...` where they are set.

// fp32 run: moves 28 bytes per parameter.
struct AdamWFp32 {
  float* weight;                // [count]
  float* momentum;              // [count]: m
  float* variance;              // [count]: v
  const float* gradient;        // [count]
  const AdamWScalars* scalars;  // one, where the arrays live
  std::int64_t count;
  const float* old_weight = nullptr;
  const float* old_momentum = nullptr;
  const float* old_variance = nullptr;
};

// bf16 run: the fp32 master is (weight << 16) + remainder (optim/master.h). Moves 26 bytes per
// parameter.
struct AdamWBf16 {
  std::uint16_t* weight;          // [count]: the bf16 weights that the device computes with
  std::int16_t* remainder;        // [count]
  float* momentum;                // [count]: m
  float* variance;                // [count]: v
  const std::uint16_t* gradient;  // [count], bf16
  const AdamWScalars* scalars;    // one, where the arrays live
  std::int64_t count;
  const std::uint16_t* old_weight = nullptr;
  const std::int16_t* old_remainder = nullptr;
  const float* old_momentum = nullptr;
  const float* old_variance = nullptr;
};

// The same update with every old array set.
template <class Arguments>
Arguments with_old_arrays(Arguments args) {
  if (args.old_weight == nullptr) args.old_weight = args.weight;
  if (args.old_momentum == nullptr) args.old_momentum = args.momentum;
  if (args.old_variance == nullptr) args.old_variance = args.variance;
  if constexpr (requires { args.remainder; }) {
    if (args.old_remainder == nullptr) args.old_remainder = args.remainder;
  }
  return args;
}

// Throw InvalidArgument for a negative count or a missing pointer.
void check(const AdamWFp32& args);
void check(const AdamWBf16& args);

LONGHAUL_DECLARE_KERNEL(adamw_fp32, AdamWFp32);
LONGHAUL_DECLARE_KERNEL(adamw_bf16, AdamWBf16);

}  // namespace longhaul::kernels
