// Rotary position embedding in the rotate-half form. Su et al. 2021, eq. 34, with the pairs
// (i, i + rotary_dim / 2) of the published Llama checkpoints:
//
//   y[i]        = x[i] * cos[p, i] - x[i + half] * sin[p, i]
//   y[i + half] = x[i + half] * cos[p, i] + x[i] * sin[p, i]      half = rotary_dim / 2
//
// for p = positions[t] and every head; elements from rotary_dim on are copied. The backward is the
// inverse rotation of the gradient.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Moves 2 * size_of(dtype) bytes per element; the tables stay in cache.
struct Rotary {
  const void* x;                  // [tokens, heads, head_dim]
  void* y;                        // [tokens, heads, head_dim]; may alias x
  const float* cos;               // [positions of the table, rotary_dim / 2]
  const float* sin;               // [positions of the table, rotary_dim / 2]
  const std::int32_t* positions;  // [tokens], each a row of the tables
  std::int64_t tokens;
  std::int64_t heads;
  std::int64_t head_dim;
  std::int64_t rotary_dim;  // even, at most head_dim
  bool is_inverse;          // rotates by the negative angle
  DType dtype;              // of x and y: fp32 or bf16
};

// Throws InvalidArgument for a negative or empty size, an odd or too large rotary_dim, another
// dtype, or a missing pointer.
void check(const Rotary& args);

LONGHAUL_DECLARE_KERNEL(rotary, Rotary);

}  // namespace longhaul::kernels
