// A loop over independent elements: thread i does elements [4 i, 4 i + 4).
#pragma once

#include <cstdint>
#include <initializer_list>

#include "kernels/device/launch.cuh"

namespace longhaul::kernels {

// Calls body.run<4>(first) for whole groups of four and body.run<1>(i) for the others; for all
// elements where the arrays are not aligned for groups.
template <class Body>
__global__ void elements_kernel(Body body, std::int64_t count, bool is_aligned) {
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t first = 4 * thread;
  if (is_aligned && first + 4 <= count) {
    body.template run<4>(first);
    return;
  }
  for (std::int64_t i = first; i < count && i < first + 4; ++i) body.template run<1>(i);
}

// Enqueues the loop; count > 0.
template <class Body>
void launch_elements(cudaStream_t stream,
                     std::int64_t count,
                     Body body,
                     std::initializer_list<const void*> arrays) {
  constexpr int kThreads = 256;
  bool is_aligned = true;
  for (const void* array : arrays) {
    is_aligned = is_aligned && reinterpret_cast<std::uintptr_t>(array) % 16 == 0;
  }
  const std::int64_t blocks = (count + 4 * kThreads - 1) / (4 * kThreads);
  enqueue(elements_kernel<Body>,
          {static_cast<unsigned>(blocks), kThreads},
          stream,
          body,
          count,
          is_aligned);
}

}  // namespace longhaul::kernels
