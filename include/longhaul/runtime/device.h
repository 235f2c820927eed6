// What a placed schedule runs on: a range of bytes per tier, teams of threads, copies between
// tiers. HostDevice is a real device of its own: separate arenas, real copies, an enforced cap.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "longhaul/core/thread_pool.h"
#include "longhaul/core/units.h"
#include "longhaul/io/disk_store.h"
#include "longhaul/runtime/lane_queue.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

struct Location {
  Tier tier = Tier::kDevice;
  Bytes offset;
};

class Device {
 public:
  virtual ~Device();

  // Start of the arena of a tier; null for a tier of size 0 and for the disk.
  virtual std::byte* base(Tier tier) const = 0;
  virtual Bytes capacity(Tier tier) const = 0;

  // Whether copies between host and device memory pass the processor by. Where the system does not
  // lock the host arena, the thread of the lane waits for each of them, at a part of the link's
  // rate.
  virtual bool is_pinned() const;

  // The threads of the compute or the host lane. Each is used by one thread at a time.
  virtual ThreadPool& pool(Lane lane) = 0;

  // Runs once in every thread that executes op bodies, before its first one.
  virtual void prepare_thread() const = 0;

  // Copies `size` bytes between two tiers; returns when they are there. Ranges on disk begin at
  // multiples of kDiskUnit. From one thread per lane at a time. Throws IoError when the disk fails,
  // InvalidArgument for a copy from disk to disk.
  virtual void copy(const Location& to, const Location& from, Bytes size) = 0;
  // The same with memory outside of the arenas; not paced.
  virtual void read(std::span<std::byte> to, const Location& from) = 0;
  virtual void write(const Location& to, std::span<const std::byte> from) = 0;

  // A new way to enqueue up to `ops` ops per pass on a lane that runs on the device itself; null
  // for a lane whose ops run in the thread that calls their bodies. One of them is in use at a
  // time, and none outlives the device.
  virtual std::unique_ptr<LaneQueue> make_queue(Lane lane, std::int32_t ops);
  // What bodies of ops enqueue on: the cudaStream_t of a lane with a queue, else null.
  virtual void* stream(Lane lane) const;
  // A counter that queues can wait for; null on a device that has none.
  virtual std::atomic<std::int32_t>* counter(Lane lane);
};

// How fast copies of a lane go at most; 0: as fast as they can.
struct LaneSpeed {
  BytesPerSecond rate;
  Seconds latency;
};

struct HostDeviceOptions {
  Bytes device_memory;  // size of the device arena: what was planned
  Bytes host_memory;    // size of the pinned-host arena
  Bytes disk;           // size of the store on disk; 0: none
  std::vector<DiskFolder> disk_folders;
  bool verifies_disk = true;
  DiskOps* disk_ops = &system_disk();
  int threads = 1;       // of the compute lane
  int host_threads = 1;  // of the host lane
  std::array<LaneSpeed, kLaneCount> speeds{};
  std::function<void()> prepare_thread;
};

// Throws OutOfMemory when the system does not grant an arena; as DiskStore does for the disk.
std::unique_ptr<Device> make_host_device(const HostDeviceOptions& options);

}  // namespace longhaul
