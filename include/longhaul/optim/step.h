// The numbers that go into one optimizer step and those that come out. Plain data: the records
// travel to the device and back as bytes.
#pragma once

#include <cstdint>

#include "longhaul/optim/adamw.h"

namespace longhaul {

struct StepScalars {
  AdamWConfig adamw;                   // learning_rate is this step's
  BetaPowers powers;                   // of this step: beta^t, t counted from 1
  double max_grad_norm = 0.0;          // 0: no clipping
  float inverse_target_tokens = 0.0F;  // 1 / target tokens of the whole step
  std::uint32_t decays_vectors = 0;    // 1: weight decay on norms and biases too
};

struct StepResults {
  double loss_sum = 0.0;         // over target tokens
  double gradient_norm = 0.0;    // of the whole step, before clipping
  std::int64_t nonfinite = 0;    // gradient elements that are NaN or infinite
  float clip = 1.0F;             // factor on the gradients
  std::uint32_t is_skipped = 0;  // 1: a gradient was not finite, weights and moments are as before
};

// Bytes of the record between clipping and the updates, in the form the device's update reads.
inline constexpr std::int64_t kUpdateScalarsSize = 256;

}  // namespace longhaul
