// Layer normalisation over the last dimension. Ba et al. 2016, eq. 4:
//
//   y[r, c] = gain[c] * n[r, c] + bias[c],   n[r, c] = (x[r, c] - mean[r]) * rstd[r]
//   rstd[r] = 1 / sqrt(mean_c((x[r, c] - mean[r])^2) + epsilon)
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Moves 2 * size_of(dtype) bytes per element.
struct LayerNormForward {
  const void* x;     // [rows, width]
  const void* gain;  // [width]
  const void* bias;  // [width]
  void* y;           // [rows, width]; may alias x
  float* mean;       // [rows]; kept for backward
  float* rstd;       // [rows]; kept for backward
  std::int64_t rows;
  std::int64_t width;
  float epsilon;
  DType dtype;  // of x, gain, bias, y: fp32 or bf16
};

// With t[r, c] = d_y[r, c] * gain[c]:
//
//   d_x[r, c] = d_residual[r, c]
//             + rstd[r] * (t[r, c] - mean_c(t[r, c]) - n[r, c] * mean_c(t[r, c] * n[r, c]))
//   d_gain[c] = sum_r d_y[r, c] * n[r, c],   d_bias[c] = sum_r d_y[r, c]
//
// d_residual is added in fp32, before the one rounding. Moves 3 * size_of(dtype) bytes per
// element, 4 with d_residual.
struct LayerNormBackward {
  const void* d_y;         // [rows, width]
  const void* x;           // [rows, width]
  const void* gain;        // [width]
  const float* mean;       // [rows]
  const float* rstd;       // [rows]
  const void* d_residual;  // [rows, width] or null
  void* d_x;               // [rows, width]; may alias d_y or d_residual
  void* d_gain;            // [width]; null, with d_bias, where both are frozen
  void* d_bias;            // [width]; null exactly when d_gain is
  float* scratch;          // layer_norm_backward_scratch bytes; unused where d_gain is null
  std::int64_t rows;
  std::int64_t width;
  DType dtype;  // of all [rows, width] and [width] arrays: fp32 or bf16
};

// Bytes of LayerNormBackward::scratch: fp32 partial sums [chunks of rows, 2, width].
std::int64_t layer_norm_backward_scratch(std::int64_t rows, std::int64_t width);

// Throw InvalidArgument for a negative or empty size, another dtype, or a missing pointer.
void check(const LayerNormForward& args);
void check(const LayerNormBackward& args);

LONGHAUL_DECLARE_KERNEL(layer_norm_forward, LayerNormForward);
LONGHAUL_DECLARE_KERNEL(layer_norm_backward, LayerNormBackward);

}  // namespace longhaul::kernels
