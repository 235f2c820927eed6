// The sum of a weight's gradients over micro-batches, in fp32 and in the order of the calls.
// Single additions, so all bodies give the same bits.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// accumulator = gradient for the first micro-batch, else accumulator + gradient.
// Moves 8 + size_of(dtype) bytes per element, 4 less for the first.
struct Accumulate {
  float* accumulator;    // [count]
  const void* gradient;  // [count], already rounded to dtype
  std::int64_t count;
  bool is_first;
  DType dtype;  // of gradient: fp32 or bf16
};

// transport = round_to(dtype)((accumulator + gradient) + tied): the step's gradient as it travels.
// Absent terms are left out, not added as zeros. Moves 4 (8 with `tied`) + size_of(dtype)
// (twice with `gradient`) bytes per element. With `sums` the chunks of what was rounded are
// measured as sum_of_squares does (optim/gradient_norm.h), to the same bits, in the same pass.
struct FinishAccumulation {
  const float* accumulator;  // [count]
  const void* gradient;      // [count] of dtype: the last micro-batch's; or null
  const float* tied;         // [count]: the accumulator of the other use of a tied weight; or null
  void* transport;           // [count]; may alias gradient
  std::int64_t count;
  DType dtype;                        // of gradient and transport: fp32 or bf16
  double* sums = nullptr;             // [chunk_count(count, kNormChunk)]; or null
  std::int64_t* nonfinite = nullptr;  // as many; with `sums`
};

// Throw InvalidArgument for a negative count, another dtype, or a missing pointer.
void check(const Accumulate& args);
void check(const FinishAccumulation& args);

LONGHAUL_DECLARE_KERNEL(accumulate, Accumulate);
LONGHAUL_DECLARE_KERNEL(finish_accumulation, FinishAccumulation);

}  // namespace longhaul::kernels
