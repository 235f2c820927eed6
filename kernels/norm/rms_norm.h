// RMSNorm over the last dimension. Zhang & Sennrich 2019, eq. 4:
//
//   y[r, c] = gain[c] * x[r, c] * rstd[r],   rstd[r] = 1 / sqrt(mean_c(x[r, c]^2) + epsilon)
//
// Rows are tokens, or tokens * heads with width = head_dim for query and key norms.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Moves 2 * size_of(dtype) bytes per element.
struct RmsNormForward {
  const void* x;     // [rows, width]
  const void* gain;  // [width]
  void* y;           // [rows, width]; may alias x
  float* rstd;       // [rows]; kept for backward
  std::int64_t rows;
  std::int64_t width;
  float epsilon;
  DType dtype;  // of x, gain, y: fp32 or bf16
};

// With n[r, c] = x[r, c] * rstd[r] and t[r, c] = d_y[r, c] * gain[c]:
//
//   d_x[r, c] = d_residual[r, c] + rstd[r] * (t[r, c] - n[r, c] * mean_c(t[r, c] * n[r, c]))
//   d_gain[c] = sum_r d_y[r, c] * n[r, c]
//
// d_residual is added in fp32, before the one rounding. Moves 3 * size_of(dtype) bytes per
// element, 4 with d_residual.
struct RmsNormBackward {
  const void* d_y;         // [rows, width]
  const void* x;           // [rows, width]
  const void* gain;        // [width]
  const float* rstd;       // [rows]
  const void* d_residual;  // [rows, width] or null
  void* d_x;               // [rows, width]; may alias d_y or d_residual
  void* d_gain;            // [width], or null where the gain is frozen
  float* scratch;          // rms_norm_backward_scratch bytes; unused where d_gain is null
  std::int64_t rows;
  std::int64_t width;
  DType dtype;  // of all [rows, width] and [width] arrays: fp32 or bf16
};

// Bytes of RmsNormBackward::scratch: fp32 partial sums [chunks of rows, width].
std::int64_t rms_norm_backward_scratch(std::int64_t rows, std::int64_t width);

// Throw InvalidArgument for a negative or empty size, another dtype, or a missing pointer.
void check(const RmsNormForward& args);
void check(const RmsNormBackward& args);

LONGHAUL_DECLARE_KERNEL(rms_norm_forward, RmsNormForward);
LONGHAUL_DECLARE_KERNEL(rms_norm_backward, RmsNormBackward);

}  // namespace longhaul::kernels
