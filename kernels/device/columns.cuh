// The second half of a reduction over rows: partial sums of chunks, added in index order.
#pragma once

#include <cstdint>

#include "kernels/device/element.cuh"

namespace longhaul::kernels {

inline constexpr int kColumnThreads = 128;

inline unsigned blocks_of_columns(std::int64_t width) {
  return static_cast<unsigned>((width + kColumnThreads - 1) / kColumnThreads);
}

// out[c] = round_to(T)(sum over chunks k, in order, of partials[k * stride + c])
template <class T>
__global__ void fold_partials_kernel(
    const float* partials, std::int64_t chunks, std::int64_t stride, std::int64_t width, T* out) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * kColumnThreads + threadIdx.x;
  if (c >= width) return;
  float sum = 0.0F;
  for (std::int64_t k = 0; k < chunks; ++k) sum += partials[k * stride + c];
  assign(out[c], sum);
}

}  // namespace longhaul::kernels
