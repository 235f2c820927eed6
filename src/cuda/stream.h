// A lane of the device: work enqueued on a stream runs in order.
#pragma once

#include <memory>

#include <cuda_runtime_api.h>

#include "cuda/check.h"

namespace longhaul {

// Owns one CUDA stream of the current device, independent of the legacy default stream. Move-only;
// destruction never throws and does not wait: what was enqueued still runs.
class CudaStream {
 public:
  CudaStream() {
    cudaStream_t raw = nullptr;
    LONGHAUL_CUDA_CHECK(cudaStreamCreateWithFlags(&raw, cudaStreamNonBlocking));
    handle_.reset(raw);
  }

  cudaStream_t get() const { return handle_.get(); }

  // The host waits for everything enqueued so far; errors of that work are thrown here.
  void synchronize() const { LONGHAUL_CUDA_CHECK(cudaStreamSynchronize(handle_.get())); }

 private:
  struct Destroy {
    void operator()(cudaStream_t stream) const noexcept { cudaStreamDestroy(stream); }
  };
  std::unique_ptr<CUstream_st, Destroy> handle_;
};

}  // namespace longhaul
