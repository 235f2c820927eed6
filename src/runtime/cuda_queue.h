// A lane of a CudaDevice: a stream, two events per op, and waits for counters in host memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "longhaul/runtime/device.h"
#include "longhaul/runtime/lane_queue.h"

#include "cuda/event.h"
#include "cuda/stream.h"

namespace longhaul {

// One counter per lane, in locked memory that streams can wait for.
class CudaCounters {
 public:
  // Tries a wait on `stream`; is_usable() tells whether the driver has such waits.
  explicit CudaCounters(const CudaStream& stream);

  bool is_usable() const { return wait_ != nullptr; }
  std::atomic<std::int32_t>& operator[](Lane lane) {
    return slots_.get()[static_cast<std::size_t>(lane)].value;
  }
  // Enqueues on `stream`: what follows begins when `counter`, one of these, is at least `value`.
  void wait(const CudaStream& stream,
            const std::atomic<std::int32_t>& counter,
            std::int32_t value) const;

 private:
  struct alignas(64) Slot {
    std::atomic<std::int32_t> value{0};
  };
  struct Free {
    void operator()(Slot* slots) const noexcept { cudaFreeHost(slots); }
  };

  int try_wait(const CudaStream& stream,
               const std::atomic<std::int32_t>& counter,
               std::int32_t value) const;

  std::unique_ptr<Slot, Free> slots_;
  std::uintptr_t on_device_ = 0;  // where the device finds them
  void* wait_ = nullptr;          // the driver's cuStreamWaitValue32
};

class CudaQueue final : public LaneQueue {
 public:
  // `device`, `stream` and `counters` outlive the queue; `counters` may be null.
  CudaQueue(const Device& device,
            CudaStream& stream,
            const CudaCounters* counters,
            std::int32_t ops);

  void begin(std::chrono::steady_clock::time_point zero) override;
  void begin_op(std::int32_t op) override;
  void end_op(std::int32_t op) override;
  void copy(const Location& to, const Location& from, Bytes size) override;
  bool wait_for(const std::atomic<std::int32_t>& counter, std::int32_t value) override;
  void wait_for(const LaneQueue& other, std::int32_t op) override;
  void synchronize(std::int32_t op) const override;
  void drain() override;
  Interval interval(std::int32_t op) const override;

 private:
  struct OpEvents {
    CudaEvent begin{EventTiming::kOn};
    CudaEvent end{EventTiming::kOn, EventWaiting::kSleep};
  };

  const Device& device_;
  CudaStream& stream_;
  const CudaCounters* counters_;
  CudaEvent begin_{EventTiming::kOn};
  Seconds begun_;  // when begin_ was recorded, by the host's clock
  CudaEvent drained_{EventTiming::kOff, EventWaiting::kSleep};
  std::vector<OpEvents> ops_;
};

}  // namespace longhaul
