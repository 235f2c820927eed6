#include "longhaul/runtime/cuda_device.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include <cuda_runtime_api.h>

#include "longhaul/core/error.h"
#include "longhaul/runtime/arena.h"

#include "cuda/check.h"
#include "cuda/stream.h"
#include "runtime/cuda_queue.h"

namespace longhaul {
namespace {

// Copies between disk and device go through memory of this size.
constexpr Bytes kBounce = kDiskStripe;

class DeviceArena {
 public:
  explicit DeviceArena(Bytes size) : size_(size) {
    if (size.count == 0) return;
    std::size_t free = 0;
    std::size_t total = 0;
    LONGHAUL_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    void* memory = nullptr;
    if (static_cast<std::size_t>(size.count) > free ||
        cudaMalloc(&memory, static_cast<std::size_t>(size.count)) != cudaSuccess) {
      static_cast<void>(cudaGetLastError());
      throw OutOfMemory("device", size.count, static_cast<std::int64_t>(free));
    }
    base_.reset(static_cast<std::byte*>(memory));
    // States begin as zeros, as on a host device. No other stream waits for this one.
    LONGHAUL_CUDA_CHECK(cudaMemset(memory, 0, static_cast<std::size_t>(size.count)));
    LONGHAUL_CUDA_CHECK(cudaStreamSynchronize(cudaStreamLegacy));
  }

  std::byte* base() const { return base_.get(); }
  Bytes size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { cudaFree(memory); }
  };
  Bytes size_;
  std::unique_ptr<std::byte, Free> base_;
};

// Locks the pages of an arena while it lives, where the system allows it.
class PageLock {
 public:
  PageLock(const Arena& arena, bool may_lock) : memory_(arena.base()) {
    if (memory_ == nullptr) return;
    is_locked_ = may_lock && cudaHostRegister(memory_,
                                              static_cast<std::size_t>(arena.size().count),
                                              cudaHostRegisterPortable) == cudaSuccess;
    if (!is_locked_) static_cast<void>(cudaGetLastError());
  }
  ~PageLock() {
    if (memory_ != nullptr && is_locked_) cudaHostUnregister(memory_);
  }
  PageLock(const PageLock&) = delete;
  PageLock& operator=(const PageLock&) = delete;

  bool is_locked() const { return is_locked_; }  // true where there is nothing to lock

 private:
  std::byte* memory_;
  bool is_locked_ = true;
};

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(const CudaDeviceOptions& options)
      : ordinal_(options.ordinal),
        counters_(streams_[0]),
        host_("host", options.host_memory),
        lock_(host_, options.may_lock_memory),
        // A stream that waits for a thread which copies could wait for ever: where its own queue is
        // full, the driver may hold back that copy.
        waits_on_device_(options.may_wait_on_device && lock_.is_locked() && counters_.is_usable()),
        device_(options.device_memory),
        prepare_thread_(options.prepare_thread),
        compute_pool_(options.threads, options.prepare_thread),
        host_pool_(options.host_threads, options.prepare_thread) {
    if (options.disk.count == 0) return;
    disk_.emplace(DiskStoreOptions{.folders = options.disk_folders,
                                   .size = options.disk,
                                   .verifies = options.verifies_disk,
                                   .disk = options.disk_ops});
    // Faster where the memlock limit allows it, and not needed.
    disk_->register_memory({host_.base(), static_cast<std::size_t>(host_.size().count)});
  }

  std::byte* base(Tier tier) const override {
    if (tier == Tier::kDisk) return nullptr;
    return tier == Tier::kDevice ? device_.base() : host_.base();
  }
  Bytes capacity(Tier tier) const override {
    if (tier == Tier::kDisk) return disk_ ? disk_->size() : Bytes{};
    return tier == Tier::kDevice ? device_.size() : host_.size();
  }
  bool is_pinned() const override { return lock_.is_locked(); }
  ThreadPool& pool(Lane lane) override { return lane == Lane::kHost ? host_pool_ : compute_pool_; }
  void prepare_thread() const override {
    select();
    if (prepare_thread_) prepare_thread_();
  }

  void copy(const Location& to, const Location& from, Bytes size) override;
  void read(std::span<std::byte> to, const Location& from) override;
  void write(const Location& to, std::span<const std::byte> from) override;

  std::unique_ptr<LaneQueue> make_queue(Lane lane, std::int32_t ops) override {
    if (stream(lane) == nullptr) return nullptr;
    select();
    return std::make_unique<CudaQueue>(*this,
                                       streams_[static_cast<std::size_t>(lane)],
                                       waits_on_device_ ? &counters_ : nullptr,
                                       ops);
  }
  // An enqueued copy from memory that is not locked reads it when it is enqueued, which may be too
  // early: then the copies are left to threads.
  void* stream(Lane lane) const override {
    const auto index = static_cast<std::size_t>(lane);
    const bool has_queue = lane == Lane::kCompute || (index < streams_.size() && is_pinned());
    return has_queue ? streams_[index].get() : nullptr;
  }
  std::atomic<std::int32_t>* counter(Lane lane) override {
    return waits_on_device_ ? &counters_[lane] : nullptr;
  }

 private:
  static_assert(static_cast<int>(Lane::kCompute) == 0 && static_cast<int>(Lane::kH2d) == 1 &&
                static_cast<int>(Lane::kD2h) == 2);

  std::byte* address(const Location& place) const { return base(place.tier) + place.offset.count; }
  DiskStore& disk() {
    require(disk_.has_value(), "CudaDevice: was made without a disk");
    return *disk_;
  }
  // Makes the GPU the calling thread's.
  void select() const { LONGHAUL_CUDA_CHECK(cudaSetDevice(ordinal_)); }
  // Copies to or from the device and waits, behind nothing that a lane has enqueued.
  void move(const CudaStream& stream, std::byte* to, const std::byte* from, std::size_t size) {
    select();
    LONGHAUL_CUDA_CHECK(cudaMemcpyAsync(to, from, size, cudaMemcpyDefault, stream.get()));
    stream.synchronize();
  }
  void copy_from_disk(const Location& to, Bytes offset, Bytes size);
  void copy_to_disk(Bytes offset, const Location& from, Bytes size);

  int ordinal_;
  // What takes memory of the device is made before the arena looks how much is free.
  std::array<CudaStream, 3> streams_;  // by lane
  CudaStream up_;
  CudaStream down_;
  CudaCounters counters_;
  Arena host_;
  PageLock lock_;
  bool waits_on_device_;
  DeviceArena device_;
  std::array<Arena, 2> bounces_{Arena("host", kBounce), Arena("host", kBounce)};
  std::optional<DiskStore> disk_;  // registers the host arena: goes first
  std::function<void()> prepare_thread_;
  ThreadPool compute_pool_;
  ThreadPool host_pool_;
};

void CudaDevice::copy(const Location& to, const Location& from, Bytes size) {
  require(from.tier != Tier::kDisk || to.tier != Tier::kDisk,
          "CudaDevice: no copies from disk to disk");
  if (from.tier == Tier::kDisk) {
    copy_from_disk(to, from.offset, size);
  } else if (to.tier == Tier::kDisk) {
    copy_to_disk(to.offset, from, size);
  } else if (to.tier == Tier::kDevice) {
    write(to, {address(from), static_cast<std::size_t>(size.count)});
  } else {
    read({address(to), static_cast<std::size_t>(size.count)}, from);
  }
}

void CudaDevice::read(std::span<std::byte> to, const Location& from) {
  if (from.tier == Tier::kDisk) {
    disk().read(from.offset, to);
  } else if (from.tier == Tier::kHost) {
    std::memcpy(to.data(), address(from), to.size());
  } else {
    move(down_, to.data(), address(from), to.size());
  }
}

void CudaDevice::write(const Location& to, std::span<const std::byte> from) {
  if (to.tier == Tier::kDisk) {
    disk().write(to.offset, from);
  } else if (to.tier == Tier::kHost) {
    std::memcpy(address(to), from.data(), from.size());
  } else {
    move(up_, address(to), from.data(), from.size());
  }
}

void CudaDevice::copy_from_disk(const Location& to, Bytes offset, Bytes size) {
  if (to.tier == Tier::kHost) {
    return disk().read(offset, {address(to), static_cast<std::size_t>(size.count)});
  }
  for (Bytes done; done < size; done += kBounce) {
    const auto piece = static_cast<std::size_t>(std::min(kBounce, size - done).count);
    disk().read(offset + done, {bounces_[0].base(), piece});
    move(up_, address(to) + done.count, bounces_[0].base(), piece);
  }
}

void CudaDevice::copy_to_disk(Bytes offset, const Location& from, Bytes size) {
  if (from.tier == Tier::kHost) {
    return disk().write(offset, {address(from), static_cast<std::size_t>(size.count)});
  }
  for (Bytes done; done < size; done += kBounce) {
    const auto piece = static_cast<std::size_t>(std::min(kBounce, size - done).count);
    move(down_, bounces_[1].base(), address(from) + done.count, piece);
    disk().write(offset + done, {bounces_[1].base(), piece});
  }
}

}  // namespace

namespace {

// Measured by nobody yet: cuBLASLt and our kernels have some tens of MiB of code for one GPU.
constexpr Bytes kCodeReserve = 256_MiB;

// Makes the GPU with its context the calling thread's.
void select_device(int ordinal) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    throw DeviceError(concat("GPU ",
                             ordinal,
                             ": CUDA finds none: ",
                             cudaGetErrorString(status),
                             " (CUDA 13 needs an NVIDIA driver 580 or newer); ",
                             "device.kind: host trains on the processor"));
  }
  if (ordinal < 0 || ordinal >= count) {
    throw DeviceError(concat("GPU ", ordinal, ": this machine has ", count, " for CUDA"));
  }
  LONGHAUL_CUDA_CHECK(cudaSetDevice(ordinal));
  LONGHAUL_CUDA_CHECK(cudaFree(nullptr));  // makes the context
}

// 13000 is 13.0.
std::string version_in_words(int version) {
  return concat(version / 1000, ".", version % 1000 / 10);
}

}  // namespace

std::string CudaDeviceInfo::in_words() const {
  return concat(name,
                ", sm_",
                major,
                minor,
                ", ",
                multiprocessors,
                " multiprocessors, CUDA ",
                version_in_words(runtime_version),
                ", driver for CUDA ",
                version_in_words(driver_version));
}

Bytes CudaDeviceInfo::free_for_arena() const {
  return std::max(Bytes{}, free - kCodeReserve);
}

CudaDeviceInfo probe_cuda_device(int ordinal) {
  select_device(ordinal);
  cudaDeviceProp properties{};
  LONGHAUL_CUDA_CHECK(cudaGetDeviceProperties(&properties, ordinal));
  CudaDeviceInfo info{.name = properties.name,
                      .major = properties.major,
                      .minor = properties.minor,
                      .multiprocessors = properties.multiProcessorCount};
  LONGHAUL_CUDA_CHECK(cudaDriverGetVersion(&info.driver_version));
  LONGHAUL_CUDA_CHECK(cudaRuntimeGetVersion(&info.runtime_version));
  std::size_t free = 0;
  std::size_t total = 0;
  LONGHAUL_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  info.free = Bytes{static_cast<std::int64_t>(free)};
  info.memory = Bytes{static_cast<std::int64_t>(total)};
  return info;
}

std::unique_ptr<Device> make_cuda_device(const CudaDeviceOptions& options) {
  select_device(options.ordinal);
  return std::make_unique<CudaDevice>(options);
}

int cuda_device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  return 0;
}

}  // namespace longhaul
