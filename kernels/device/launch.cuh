// The one place that launches kernels and that knows CUDA's syntax for it, so that everything else
// in a .cu file is C++: the tests compile the same files for an emulated GPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda_runtime_api.h>

#include "cuda/check.h"

namespace longhaul::kernels {

// Blocks of the grid (x up to 2^31 - 1; y and z up to 65,535), threads of a block, and bytes of
// dynamic_shared() per block.
struct Grid {
  dim3 blocks;
  unsigned threads;
  std::size_t shared = 0;
};

// Enqueues kernel(arguments...) and checks the launch.
template <class... Parameters, class... Arguments>
void enqueue(void (*kernel)(Parameters...),
             const Grid& grid,
             cudaStream_t stream,
             const Arguments&... arguments) {
  kernel<<<grid.blocks, grid.threads, grid.shared, stream>>>(arguments...);
  LONGHAUL_CUDA_CHECK(cudaGetLastError());
}

// What a block needs beyond 48 KiB has to be asked for, once per kernel and GPU; more than the GPU
// has is refused here.
template <class... Parameters>
void allow_shared(void (*kernel)(Parameters...), std::size_t bytes) {
  LONGHAUL_CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                           cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           static_cast<int>(bytes)));
}

// Memory that the threads of a block share, Grid::shared bytes.
__device__ inline std::byte* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char shared_memory_of_block[];
  return reinterpret_cast<std::byte*>(shared_memory_of_block);
}

}  // namespace longhaul::kernels
