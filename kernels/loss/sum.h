// The sum of fp32 numbers in fp64, in one written order that every body follows to the bit:
// element i of a chunk goes to lane i mod 16, lanes are added pairwise (i and i + 8, then i + 4,
// i + 2, i + 1), chunks in index order starting from 0.
#pragma once

#include <cstdint>

#include "kernels/launch.h"

namespace longhaul::kernels {

inline constexpr std::int64_t kSumChunk = 4096;  // elements

// Reads 4 bytes per element.
struct Sum {
  const float* x;   // [count]
  double* scratch;  // sum_scratch bytes: [chunks]
  double* sum;      // one number
  std::int64_t count;
  bool accumulates = false;  // adds to what `sum` is instead of replacing it
};

// Bytes of Sum::scratch.
std::int64_t sum_scratch(std::int64_t count);

// Throws InvalidArgument for a negative count or a missing pointer.
void check(const Sum& args);

LONGHAUL_DECLARE_KERNEL(sum, Sum);

}  // namespace longhaul::kernels
