#include <new>

#include "cuda/check.h"
#include "kernels/shared_memory.h"

namespace longhaul::test {

bool has_gpu() {
  static const bool kHasGpu = [] {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
  }();
  return kHasGpu;
}

void* allocate_shared(std::size_t bytes) {
  if (!has_gpu()) return ::operator new(bytes);
  void* pointer = nullptr;
  LONGHAUL_CUDA_CHECK(cudaMallocManaged(&pointer, bytes == 0 ? 1 : bytes));
  return pointer;
}

void free_shared(void* pointer) noexcept {
  if (has_gpu()) {
    cudaFree(pointer);
  } else {
    ::operator delete(pointer);
  }
}

void synchronize_gpu() {
  LONGHAUL_CUDA_CHECK(cudaDeviceSynchronize());
}

}  // namespace longhaul::test
