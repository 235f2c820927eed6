// The square of the global gradient norm, in one written order that every body follows to the bit:
// within a chunk element i is squared in fp64 (exact) and added to lane i mod 16; lanes are added
// pairwise (i and i + 8, then i + 4, i + 2, i + 1). The chunks of all parameters, laid end to end
// by the caller, are added in index order.
//
// Squares of finite fp32 numbers are far from overflow in fp64, so the sum is finite exactly when
// every gradient is.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

inline constexpr std::int64_t kNormChunk = 65536;  // elements

// Sums of one parameter's chunks. Reads size_of(dtype) bytes per element.
struct SumOfSquares {
  const void* x;            // [count]
  double* sums;             // [chunk_count(count, kNormChunk)]
  std::int64_t* nonfinite;  // [chunk_count(count, kNormChunk)]: elements that are NaN or infinite
  std::int64_t count;
  DType dtype;  // of x: fp32 or bf16
};

// sum = sums[0] + sums[1] + ... from left to right; the counts likewise.
struct FoldSums {
  const double* sums;             // [chunks]
  const std::int64_t* nonfinite;  // [chunks]
  double* sum;                    // one number
  std::int64_t* nonfinite_sum;    // one number
  std::int64_t chunks;
};

// Throw InvalidArgument for a negative count, another dtype, or a missing pointer.
void check(const SumOfSquares& args);
void check(const FoldSums& args);

LONGHAUL_DECLARE_KERNEL(sum_of_squares, SumOfSquares);
LONGHAUL_DECLARE_KERNEL(fold_sums, FoldSums);

}  // namespace longhaul::kernels
