// The Gaussian error linear unit. Hendrycks & Gimpel 2016, section 2:
//
//   kErf:   y = x * P(x),  P(x) = (1 + erf(x / sqrt 2)) / 2
//   kTanh:  y = x * (1 + tanh(u)) / 2,  u = sqrt(2 / pi) * (x + 0.044715 x^3)
//
// (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)) is how the second is computed.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

enum class GeluKind : std::uint8_t { kErf, kTanh };

// Moves 2 * size_of(dtype) bytes per element.
struct GeluForward {
  const void* x;  // [count]
  void* y;        // [count]; may alias x
  std::int64_t count;
  GeluKind kind;
  DType dtype;  // fp32 or bf16
};

// d_x = d_y * y'(x). Moves 3 * size_of(dtype) bytes per element.
struct GeluBackward {
  const void* d_y;  // [count]
  const void* x;    // [count]
  void* d_x;        // [count]; may alias d_y or x
  std::int64_t count;
  GeluKind kind;
  DType dtype;  // fp32 or bf16
};

// Throw InvalidArgument for a negative count, another dtype, or a missing pointer.
void check(const GeluForward& args);
void check(const GeluBackward& args);

LONGHAUL_DECLARE_KERNEL(gelu_forward, GeluForward);
LONGHAUL_DECLARE_KERNEL(gelu_backward, GeluBackward);

}  // namespace longhaul::kernels
