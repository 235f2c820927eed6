#include "longhaul/core/error.h"
#include "longhaul/runtime/cuda_device.h"

namespace longhaul {

std::unique_ptr<Device> make_cuda_device(const CudaDeviceOptions& options) {
  throw DeviceError(
      concat("make_cuda_device: GPU ", options.ordinal, ": this build has no CUDA support"));
}

CudaDeviceInfo probe_cuda_device(int ordinal) {
  throw DeviceError(concat("GPU ",
                           ordinal,
                           ": this build of longhaul has no CUDA support; build it with "
                           "LONGHAUL_WITH_CUDA=ON, or set device.kind: host"));
}

int cuda_device_count() {
  return 0;
}

std::string CudaDeviceInfo::in_words() const {
  return name;
}

Bytes CudaDeviceInfo::free_for_arena() const {
  return free;
}

}  // namespace longhaul
