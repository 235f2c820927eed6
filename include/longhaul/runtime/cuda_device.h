// A Device on an NVIDIA GPU. The compute, h2d and d2h lanes are streams; the others are threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "longhaul/runtime/device.h"

namespace longhaul {

struct CudaDeviceOptions {
  int ordinal = 0;
  Bytes device_memory;  // size of the device arena: what was planned
  Bytes host_memory;    // size of the host arena, locked where the system allows it
  Bytes disk;           // size of the store on disk; 0: none
  std::vector<DiskFolder> disk_folders;
  bool verifies_disk = true;
  DiskOps* disk_ops = &system_disk();
  int threads = 1;       // of the compute lane's pool
  int host_threads = 1;  // of the host lane
  // What the machine may refuse, and tests do.
  bool may_lock_memory = true;     // see Device::is_pinned
  bool may_wait_on_device = true;  // streams wait for host lanes; else their threads do
  std::function<void()> prepare_thread;
};

struct CudaDeviceInfo {
  std::string name;  // "NVIDIA H100 PCIe"
  int major = 0;     // compute capability
  int minor = 0;
  int multiprocessors = 0;
  Bytes memory;
  Bytes free;  // now, with the context of this process
  int driver_version = 0;
  int runtime_version = 0;

  // "NVIDIA H100 PCIe, sm_90, 114 multiprocessors, CUDA 13.0, driver for CUDA 13.0": what bits may
  // depend on.
  std::string in_words() const;
  // `free` without what CUDA takes later: the code of kernels, when each first runs.
  Bytes free_for_arena() const;
};

// Makes the context. Throws DeviceError that says why there is no such GPU.
CudaDeviceInfo probe_cuda_device(int ordinal);

// Makes the context, the streams and what else takes memory before it looks how much is free.
// Throws DeviceError when this build or this machine has no such GPU; OutOfMemory when the device
// has less free than `device_memory`, or the system grants no host arena.
std::unique_ptr<Device> make_cuda_device(const CudaDeviceOptions& options);

// GPUs that make_cuda_device finds; 0 in a build without CUDA.
int cuda_device_count();

}  // namespace longhaul
