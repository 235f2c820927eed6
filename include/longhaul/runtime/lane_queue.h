// A lane that runs on the device itself, behind the thread that enqueues its ops (a CUDA stream).
// One thread at a time enqueues. Ops are counted from 0 in the order of the lane, in each pass.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "longhaul/core/units.h"
#include "longhaul/schedule/timeline.h"

namespace longhaul {

struct Location;

// Every function may throw DeviceError: an op that fails on the device is reported by whichever
// call comes after.
class LaneQueue {
 public:
  virtual ~LaneQueue();

  // Starts a pass on an empty queue: no op has ended. Times of this pass count from `zero`.
  virtual void begin(std::chrono::steady_clock::time_point zero) = 0;

  // What is enqueued between the two is the op.
  virtual void begin_op(std::int32_t op) = 0;
  virtual void end_op(std::int32_t op) = 0;

  // Enqueues a copy between two tiers that are not the disk.
  virtual void copy(const Location& to, const Location& from, Bytes size) = 0;

  // Enqueues a wait until a counter of the device (Device::counter) is at least `value`. Returns
  // false where the device cannot do that: then the caller has to wait before it enqueues more.
  virtual bool wait_for(const std::atomic<std::int32_t>& counter, std::int32_t value) = 0;

  // Enqueues a wait for the end of an op of another queue, which has been enqueued there.
  virtual void wait_for(const LaneQueue& other, std::int32_t op) = 0;

  // Waits, in the calling thread, for the end of an op that has been enqueued. From any thread.
  virtual void synchronize(std::int32_t op) const = 0;

  // Waits for everything that has been enqueued.
  virtual void drain() = 0;

  // When an op that has ended began and ended. A device with a clock of its own may be off by the
  // time that begin() took, by the same amount for all ops of a pass.
  virtual Interval interval(std::int32_t op) const = 0;
};

}  // namespace longhaul
