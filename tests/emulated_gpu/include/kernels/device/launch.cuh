// Stands in for kernels/device/launch.cuh where .cu files are compiled for the emulated GPU.
#pragma once

#include <cstddef>
#include <tuple>

#include <cuda_runtime_api.h>

#include "cuda/check.h"
#include "emulated_gpu/threads.h"

namespace longhaul::kernels {

struct Grid {
  dim3 blocks;
  unsigned threads;
  std::size_t shared = 0;
};

template <class... Parameters, class... Arguments>
void enqueue(void (*kernel)(Parameters...),
             const Grid& grid,
             cudaStream_t stream,
             const Arguments&... arguments) {
  const auto call = [kernel, values = std::tuple<Parameters...>(arguments...)] {
    std::apply(kernel, values);
  };
  LONGHAUL_CUDA_CHECK(emulated_gpu::launch({.kernel = reinterpret_cast<const void*>(kernel),
                                            .blocks = grid.blocks,
                                            .threads = grid.threads,
                                            .shared = grid.shared},
                                           stream,
                                           call));
}

template <class... Parameters>
void allow_shared(void (*kernel)(Parameters...), std::size_t bytes) {
  LONGHAUL_CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                           cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           static_cast<int>(bytes)));
}

inline std::byte* dynamic_shared() {
  return emulated_gpu::shared_of_block();
}

}  // namespace longhaul::kernels
