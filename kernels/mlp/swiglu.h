// The gated activation of Llama-like models. Shazeer 2020, eq. 6 (SwiGLU), without its products:
//
//   y = silu(gate) * up,   silu(g) = g * s,   s = 1 / (1 + exp(-g))
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Moves 3 * size_of(dtype) bytes per element.
struct SwigluForward {
  const void* gate;  // [count]
  const void* up;    // [count]
  void* y;           // [count]; may alias gate or up
  std::int64_t count;
  DType dtype;  // fp32 or bf16
};

//   d_gate = d_y * up * s * (1 + gate * (1 - s)),   d_up = d_y * silu(gate)
//
// Moves 5 * size_of(dtype) bytes per element.
struct SwigluBackward {
  const void* d_y;   // [count]
  const void* gate;  // [count]
  const void* up;    // [count]
  void* d_gate;      // [count]; may alias any input
  void* d_up;        // [count]; may alias any input, not d_gate
  std::int64_t count;
  DType dtype;  // fp32 or bf16
};

// Throw InvalidArgument for a negative count, another dtype, or a missing pointer.
void check(const SwigluForward& args);
void check(const SwigluBackward& args);

LONGHAUL_DECLARE_KERNEL(swiglu_forward, SwigluForward);
LONGHAUL_DECLARE_KERNEL(swiglu_backward, SwigluBackward);

}  // namespace longhaul::kernels
