// What a placed schedule runs on: arenas per tier, a team for the compute lane, copies between
// tiers. HostDevice is a real device of its own: separate arenas, real copies, an enforced cap.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "longhaul/core/thread_pool.h"
#include "longhaul/core/units.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

class Device {
 public:
  virtual ~Device();

  // Start of the arena of a tier; null for a tier of size 0.
  virtual std::byte* base(Tier tier) const = 0;
  virtual Bytes capacity(Tier tier) const = 0;

  // The threads of the compute lane. Used by one thread at a time.
  virtual ThreadPool& compute_pool() = 0;

  // Runs once in every thread that executes op bodies, before its first one.
  virtual void prepare_thread() const = 0;

  // Copies `size` bytes between arenas; returns when they are there.
  virtual void copy(std::byte* to, const std::byte* from, Bytes size) = 0;
};

struct HostDeviceOptions {
  Bytes device_memory;  // size of the device arena: what was planned
  Bytes host_memory;    // size of the pinned-host arena
  int threads = 1;      // of the compute lane
  std::function<void()> prepare_thread;
};

// Throws OutOfMemory when the system does not grant an arena.
std::unique_ptr<Device> make_host_device(const HostDeviceOptions& options);

}  // namespace longhaul
