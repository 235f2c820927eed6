// What the conformance suite of devices knows of a kind of device: how to make one, and three
// actions that op bodies are made of.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "longhaul/runtime/device.h"

namespace longhaul::test {

struct DeviceShape {
  Bytes device_memory;
  Bytes host_memory;
  Bytes disk;
  std::filesystem::path folder;
  DiskOps* disk_ops = &system_disk();
};

// The actions are called where op bodies are: in the thread of the lane. They take effect in the
// order of the lane, which on a lane with a queue is later.
struct DeviceKind {
  std::string name;
  std::function<bool()> exists;  // on this machine
  std::function<std::unique_ptr<Device>(const DeviceShape&)> make;
  std::function<void(Device&, Lane, std::chrono::microseconds)> sleep;
  // `to`: in device memory on the compute, h2d and d2h lanes, else in host memory.
  std::function<void(Device&, Lane, std::byte* to, std::size_t size, unsigned char value)> fill;
  std::function<void(Device&, Lane, std::byte* to, const std::byte* from, std::size_t size)> copy;
};

std::vector<DeviceKind> host_kinds();
std::vector<DeviceKind> cuda_kinds();  // none in a build without CUDA
std::vector<DeviceKind> device_kinds();

}  // namespace longhaul::test
