#include "runtime/cuda_queue.h"

#include <memory>
#include <new>

#include <cuda.h>
#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>

#include "longhaul/core/error.h"

#include "cuda/check.h"

namespace longhaul {
namespace {

static_assert(std::atomic<std::int32_t>::is_always_lock_free &&
              sizeof(std::atomic<std::int32_t>) == 4);

// Asked for at run time, so that a program with CUDA support starts where no driver is installed.
void* find_wait_function() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result{};
  const cudaError_t status = cudaGetDriverEntryPointByVersion(
      "cuStreamWaitValue32", &function, 11070, cudaEnableDefault, &result);
  if (status == cudaSuccess && result == cudaDriverEntryPointSuccess) return function;
  static_cast<void>(cudaGetLastError());
  return nullptr;
}

}  // namespace

CudaCounters::CudaCounters(const CudaStream& stream) {
  void* memory = nullptr;
  if (cudaHostAlloc(&memory, sizeof(Slot) * kLaneCount, cudaHostAllocMapped) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return;
  }
  slots_.reset(static_cast<Slot*>(memory));
  std::uninitialized_default_construct_n(slots_.get(), kLaneCount);
  void* on_device = nullptr;
  LONGHAUL_CUDA_CHECK(cudaHostGetDevicePointer(&on_device, memory, 0));
  on_device_ = reinterpret_cast<std::uintptr_t>(on_device);

  wait_ = find_wait_function();
  if (wait_ != nullptr && try_wait(stream, slots_->value, 0) != CUDA_SUCCESS) wait_ = nullptr;
  stream.synchronize();
}

int CudaCounters::try_wait(const CudaStream& stream,
                           const std::atomic<std::int32_t>& counter,
                           std::int32_t value) const {
  const auto offset =
      reinterpret_cast<std::uintptr_t>(&counter) - reinterpret_cast<std::uintptr_t>(slots_.get());
  const auto wait_for_value = reinterpret_cast<PFN_cuStreamWaitValue32_v11070>(wait_);
  return wait_for_value(
      stream.get(), on_device_ + offset, static_cast<cuuint32_t>(value), CU_STREAM_WAIT_VALUE_GEQ);
}

void CudaCounters::wait(const CudaStream& stream,
                        const std::atomic<std::int32_t>& counter,
                        std::int32_t value) const {
  const int status = try_wait(stream, counter, value);
  if (status != CUDA_SUCCESS) {
    throw DeviceError(concat("cuStreamWaitValue32: CUDA driver error ", status));
  }
}

CudaQueue::CudaQueue(const Device& device,
                     CudaStream& stream,
                     const CudaCounters* counters,
                     std::int32_t ops)
    : device_(device), stream_(stream), counters_(counters), ops_(static_cast<std::size_t>(ops)) {}

void CudaQueue::begin(std::chrono::steady_clock::time_point zero) {
  begin_.record(stream_.get());
  begun_.value = std::chrono::duration<double>(std::chrono::steady_clock::now() - zero).count();
}

void CudaQueue::begin_op(std::int32_t op) {
  ops_[static_cast<std::size_t>(op)].begin.record(stream_.get());
}

void CudaQueue::end_op(std::int32_t op) {
  ops_[static_cast<std::size_t>(op)].end.record(stream_.get());
}

void CudaQueue::copy(const Location& to, const Location& from, Bytes size) {
  LONGHAUL_CUDA_CHECK(cudaMemcpyAsync(device_.base(to.tier) + to.offset.count,
                                      device_.base(from.tier) + from.offset.count,
                                      static_cast<std::size_t>(size.count),
                                      cudaMemcpyDefault,
                                      stream_.get()));
}

bool CudaQueue::wait_for(const std::atomic<std::int32_t>& counter, std::int32_t value) {
  if (counters_ == nullptr) return false;
  counters_->wait(stream_, counter, value);
  return true;
}

void CudaQueue::wait_for(const LaneQueue& other, std::int32_t op) {
  const auto& queue = static_cast<const CudaQueue&>(other);
  queue.ops_[static_cast<std::size_t>(op)].end.block(stream_.get());
}

void CudaQueue::synchronize(std::int32_t op) const {
  ops_[static_cast<std::size_t>(op)].end.synchronize();
}

// An event, not the stream: the thread sleeps.
void CudaQueue::drain() {
  drained_.record(stream_.get());
  drained_.synchronize();
}

Interval CudaQueue::interval(std::int32_t op) const {
  const OpEvents& events = ops_[static_cast<std::size_t>(op)];
  return {begun_ + Seconds{events.begin.seconds_since(begin_)},
          begun_ + Seconds{events.end.seconds_since(begin_)}};
}

}  // namespace longhaul
