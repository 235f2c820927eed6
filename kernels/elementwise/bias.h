// A bias added to every row, and its gradient:
//
//   y[r, c] = x[r, c] + bias[c],   d_bias[c] = sum_r d_y[r, c]
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Moves 2 * size_of(dtype) bytes per element.
struct BiasForward {
  const void* x;     // [rows, width]
  const void* bias;  // [width]
  void* y;           // [rows, width]; may alias x
  std::int64_t rows;
  std::int64_t width;
  DType dtype;  // fp32 or bf16
};

// Sums in fp32 over chunks of rows, rounded once. Reads size_of(dtype) bytes per element.
struct BiasBackward {
  const void* d_y;  // [rows, width]
  void* d_bias;     // [width]
  float* scratch;   // bias_backward_scratch bytes
  std::int64_t rows;
  std::int64_t width;
  DType dtype;  // fp32 or bf16
};

// Bytes of BiasBackward::scratch: fp32 partial sums [chunks of rows, width].
std::int64_t bias_backward_scratch(std::int64_t rows, std::int64_t width);

// Throw InvalidArgument for a negative or empty size, another dtype, or a missing pointer.
void check(const BiasForward& args);
void check(const BiasBackward& args);

LONGHAUL_DECLARE_KERNEL(bias_forward, BiasForward);
LONGHAUL_DECLARE_KERNEL(bias_backward, BiasBackward);

}  // namespace longhaul::kernels
