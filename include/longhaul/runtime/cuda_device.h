// A Device on an NVIDIA GPU. The compute, h2d and d2h lanes are streams; the others are threads.
#pragma once

#include <functional>
#include <memory>
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

// Makes the context, the streams and what else takes memory before it looks how much is free.
// Throws DeviceError when this build or this machine has no such GPU; OutOfMemory when the device
// has less free than `device_memory`, or the system grants no host arena.
std::unique_ptr<Device> make_cuda_device(const CudaDeviceOptions& options);

// GPUs that make_cuda_device finds; 0 in a build without CUDA.
int cuda_device_count();

}  // namespace longhaul
