// Conversion between fp32, bf16 and fp16: through fp32, rounded once to nearest even; NaN stays a
// quiet NaN. All bodies give the same bits.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Moves size_of(from) + size_of(to) bytes per element.
struct Cast {
  const void* x;  // [count] of from
  void* y;        // [count] of to; must not overlap x unless it equals x and from == to
  std::int64_t count;
  DType from;  // fp32, bf16 or fp16
  DType to;    // fp32, bf16 or fp16
};

// Throws InvalidArgument for a negative count, another dtype, or a missing pointer.
void check(const Cast& args);

LONGHAUL_DECLARE_KERNEL(cast, Cast);

}  // namespace longhaul::kernels
