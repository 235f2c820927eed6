// A point in a stream's work that other streams and the host can wait for.
#pragma once

#include <memory>

#include <cuda_runtime_api.h>

#include "cuda/check.h"

namespace longhaul {

enum class EventTiming { kOff, kOn };       // events that keep no time are cheaper
enum class EventWaiting { kSpin, kSleep };  // what a thread does that waits for the mark

// Owns one CUDA event of the current device. Move-only; destruction never throws.
class CudaEvent {
 public:
  explicit CudaEvent(EventTiming timing = EventTiming::kOff,
                     EventWaiting waiting = EventWaiting::kSpin) {
    const unsigned flags =
        (timing == EventTiming::kOn ? cudaEventDefault : cudaEventDisableTiming) |
        (waiting == EventWaiting::kSleep ? cudaEventBlockingSync : cudaEventDefault);
    cudaEvent_t raw = nullptr;
    LONGHAUL_CUDA_CHECK(cudaEventCreateWithFlags(&raw, flags));
    handle_.reset(raw);
  }

  // Marks what has been enqueued on `stream` so far; an earlier mark is forgotten.
  void record(cudaStream_t stream) { LONGHAUL_CUDA_CHECK(cudaEventRecord(handle_.get(), stream)); }

  // Work enqueued on `stream` from now on waits for the mark; the host does not.
  void block(cudaStream_t stream) const {
    LONGHAUL_CUDA_CHECK(cudaStreamWaitEvent(stream, handle_.get(), 0));
  }

  // The host waits for the mark.
  void synchronize() const { LONGHAUL_CUDA_CHECK(cudaEventSynchronize(handle_.get())); }

  // Seconds on the device between two reached marks of events with timing.
  double seconds_since(const CudaEvent& start) const {
    float milliseconds = 0.0F;
    LONGHAUL_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.handle_.get(), handle_.get()));
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  struct Destroy {
    void operator()(cudaEvent_t event) const noexcept { cudaEventDestroy(event); }
  };
  std::unique_ptr<CUevent_st, Destroy> handle_;
};

}  // namespace longhaul
