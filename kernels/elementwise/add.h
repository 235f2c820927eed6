// y = a + b: one fp32 sum, rounded once.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Moves 3 * size_of(dtype) bytes per element. All bodies give the same bits.
struct Add {
  const void* a;  // [count]
  const void* b;  // [count]
  void* y;        // [count]; may alias a or b
  std::int64_t count;
  DType dtype;  // fp32 or bf16
};

// Throws InvalidArgument for a negative count, another dtype, or a missing pointer.
void check(const Add& args);

LONGHAUL_DECLARE_KERNEL(add, Add);

}  // namespace longhaul::kernels
