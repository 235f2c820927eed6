#include <cstring>
#include <thread>

#include <cuda_runtime_api.h>

#include "longhaul/runtime/cuda_device.h"

#include "cuda/check.h"
#include "runtime/conformance_device.h"

namespace longhaul::test {
namespace {

bool is_on_device(const Device& device, const std::byte* memory) {
  const std::byte* base = device.base(Tier::kDevice);
  return base != nullptr && memory >= base && memory < base + device.capacity(Tier::kDevice).count;
}

// Runs on a thread of the driver, in the order of the stream.
void sleep_on_stream(void* microseconds) {
  const std::unique_ptr<std::chrono::microseconds> time(
      static_cast<std::chrono::microseconds*>(microseconds));
  std::this_thread::sleep_for(*time);
}

void sleep(const Device& device, Lane lane, std::chrono::microseconds time) {
  auto* stream = static_cast<cudaStream_t>(device.stream(lane));
  if (stream == nullptr) return std::this_thread::sleep_for(time);
  auto owned = std::make_unique<std::chrono::microseconds>(time);
  LONGHAUL_CUDA_CHECK(cudaLaunchHostFunc(stream, sleep_on_stream, owned.get()));
  static_cast<void>(owned.release());
}

void fill(const Device& device, Lane lane, std::byte* to, std::size_t size, unsigned char value) {
  if (auto* stream = static_cast<cudaStream_t>(device.stream(lane))) {
    LONGHAUL_CUDA_CHECK(cudaMemsetAsync(to, value, size, stream));
  } else if (is_on_device(device, to)) {
    LONGHAUL_CUDA_CHECK(cudaMemset(to, value, size));
    LONGHAUL_CUDA_CHECK(cudaStreamSynchronize(cudaStreamLegacy));
  } else {
    std::memset(to, value, size);
  }
}

void copy(const Device& device, Lane lane, std::byte* to, const std::byte* from, std::size_t size) {
  if (auto* stream = static_cast<cudaStream_t>(device.stream(lane))) {
    LONGHAUL_CUDA_CHECK(cudaMemcpyAsync(to, from, size, cudaMemcpyDefault, stream));
  } else {
    LONGHAUL_CUDA_CHECK(cudaMemcpy(to, from, size, cudaMemcpyDefault));
    LONGHAUL_CUDA_CHECK(cudaStreamSynchronize(cudaStreamLegacy));
  }
}

DeviceKind kind(std::string name, bool may_lock_memory, bool may_wait_on_device) {
  return {
      .name = std::move(name),
      .exists = [] { return cuda_device_count() > 0; },
      .make =
          [=](const DeviceShape& shape) {
            CudaDeviceOptions options{.device_memory = shape.device_memory,
                                      .host_memory = shape.host_memory,
                                      .disk = shape.disk,
                                      .disk_ops = shape.disk_ops,
                                      .may_lock_memory = may_lock_memory,
                                      .may_wait_on_device = may_wait_on_device};
            if (shape.disk.count > 0) options.disk_folders = {{shape.folder, shape.disk * 2}};
            return make_cuda_device(options);
          },
      .sleep = sleep,
      .fill = fill,
      .copy = copy,
  };
}

}  // namespace

std::vector<DeviceKind> cuda_kinds() {
  return {kind("Cuda", true, true),
          kind("CudaWithoutStreamWaits", true, false),
          kind("CudaWithoutLockedMemory", false, true)};
}

}  // namespace longhaul::test
