// The second half of a reduction over rows: partial sums of chunks, added in index order.
// Internal linkage: see lanes.h.
#pragma once

#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

// out[c] = round_to(T)(sum over chunks k, in order, of partials[k * stride + c]).
template <class T>
void fold_partials(const Launch& launch,
                   const float* partials,
                   std::int64_t chunks,
                   std::int64_t stride,
                   std::int64_t width,
                   T* out) {
  constexpr std::int64_t kColumnsPerTask = 256;
  for_chunks(launch, width, kColumnsPerTask, [&](std::int64_t first, std::int64_t last) {
    for_lanes(first, last, [&](std::int64_t c, auto span) {
      Lanes sum = splat(0.0F);
      for (std::int64_t k = 0; k < chunks; ++k) {
        sum = sum + load(partials + k * stride + c, span);
      }
      store(out + c, sum, span);
    });
  });
}

}  // namespace
}  // namespace longhaul::kernels
