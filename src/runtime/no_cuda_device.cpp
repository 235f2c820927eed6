#include "longhaul/core/error.h"
#include "longhaul/runtime/cuda_device.h"

namespace longhaul {

std::unique_ptr<Device> make_cuda_device(const CudaDeviceOptions& options) {
  throw DeviceError(
      concat("make_cuda_device: GPU ", options.ordinal, ": this build has no CUDA support"));
}

int cuda_device_count() {
  return 0;
}

}  // namespace longhaul
