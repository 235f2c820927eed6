// CUDA's runtime, as far as longhaul calls it: memory, streams, events, waits for values.
#include "emulated_gpu/runtime.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include <cuda.h>

using longhaul::emulated_gpu::Launch;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kDeviceMemory = std::size_t{8} << 30;
constexpr std::size_t kMostShared = 99 * 1024;  // what sm_89 and sm_120 have
constexpr std::size_t kPage = 4096;

std::size_t round_up(std::size_t size) {
  return (size + kPage - 1) / kPage * kPage;
}

struct Range {
  std::size_t size = 0;
  bool is_device = false;  // else: host memory that is locked or managed
};

// Device memory can be touched while work of a stream runs, and not while the device is idle.
class Memory {
 public:
  void* allocate(std::size_t size, bool is_device) {
    const std::size_t whole = round_up(size == 0 ? 1 : size);
    const std::lock_guard lock(mutex_);
    if (is_device && used_ + whole > kDeviceMemory) return nullptr;
    void* memory = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    std::memset(memory, 0xFF, whole);
    if (is_device) used_ += whole;
    ranges_[static_cast<std::byte*>(memory)] = {whole, is_device};
    if (is_device && workers_ == 0) protect(PROT_NONE);
    return memory;
  }
  bool release(void* memory) {
    const std::lock_guard lock(mutex_);
    const auto found = ranges_.find(static_cast<std::byte*>(memory));
    if (found == ranges_.end()) return false;
    if (found->second.is_device) used_ -= found->second.size;
    munmap(memory, found->second.size);
    ranges_.erase(found);
    return true;
  }
  bool lock_pages(void* memory, std::size_t size) {
    const std::lock_guard lock(mutex_);
    return locked_.try_emplace(static_cast<std::byte*>(memory), size).second;
  }
  bool unlock_pages(void* memory) {
    const std::lock_guard lock(mutex_);
    return locked_.erase(static_cast<std::byte*>(memory)) == 1;
  }
  // Whether a stream may read it later: not memory that the host alone knows.
  bool is_reachable(const void* memory, std::size_t size) {
    const std::lock_guard lock(mutex_);
    const auto* first = static_cast<const std::byte*>(memory);
    const auto within = [&](const std::byte* base, std::size_t whole) {
      return first >= base && first + size <= base + whole;
    };
    for (const auto& [base, range] : ranges_) {
      if (within(base, range.size)) return true;
    }
    for (const auto& [base, whole] : locked_) {
      if (within(base, whole)) return true;
    }
    return false;
  }
  void begin_work() {
    const std::lock_guard lock(mutex_);
    if (workers_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void end_work() {
    const std::lock_guard lock(mutex_);
    if (--workers_ == 0) protect(PROT_NONE);
  }
  std::size_t free_bytes() {
    const std::lock_guard lock(mutex_);
    return kDeviceMemory - used_;
  }

 private:
  void protect(int access) {
    for (const auto& [base, range] : ranges_) {
      if (range.is_device) mprotect(base, range.size, access);
    }
  }

  std::mutex mutex_;
  std::map<std::byte*, Range> ranges_;
  std::map<std::byte*, std::size_t> locked_;
  std::size_t used_ = 0;
  int workers_ = 0;
};

Memory& memory() {
  static auto* const kMemory = new Memory;
  return *kMemory;
}

struct Working {
  Working() { memory().begin_work(); }
  ~Working() { memory().end_work(); }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;
};

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t report(cudaError_t status) {
  if (status != cudaSuccess) last_error = status;
  return status;
}

// Tasks in order on a thread of its own. Tasks that wait say so: they are no work of the device.
class Stream {
 public:
  Stream() : thread_([this] { work(); }) {}
  ~Stream() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void enqueue(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }
  void synchronize() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return tasks_.empty() && !is_running_; });
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      is_running_ = true;
      lock.unlock();
      task();
      lock.lock();
      is_running_ = false;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool is_running_ = false;
  bool is_stopping_ = false;
  std::thread thread_;
};

struct Mark {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_reached = false;
  Clock::time_point time;

  void reach() {
    const std::lock_guard lock(mutex);
    is_reached = true;
    time = Clock::now();
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_reached; });
  }
};

struct Event {
  std::mutex mutex;
  std::shared_ptr<Mark> mark;  // of the last record; null: never recorded
  bool has_time = true;

  std::shared_ptr<Mark> last() {
    const std::lock_guard lock(mutex);
    return mark;
  }
};

Stream* stream_of(cudaStream_t stream) {
  return reinterpret_cast<Stream*>(stream);
}
Event* event_of(cudaEvent_t event) {
  return reinterpret_cast<Event*>(event);
}

// Waits and marks: not work of the device.
void enqueue_plain(cudaStream_t stream, std::function<void()> task) {
  if (stream == nullptr || stream == cudaStreamLegacy) return task();
  stream_of(stream)->enqueue(std::move(task));
}

CUresult wait_for_value(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned flags) {
  if (flags != CU_STREAM_WAIT_VALUE_GEQ) return CUDA_ERROR_INVALID_VALUE;
  auto* counter = reinterpret_cast<std::int32_t*>(address);
  if (!memory().is_reachable(counter, sizeof(*counter))) return CUDA_ERROR_INVALID_VALUE;
  enqueue_plain(stream, [counter, value] {
    while (static_cast<std::int32_t>(
               static_cast<std::uint32_t>(__atomic_load_n(counter, __ATOMIC_ACQUIRE)) - value) <
           0) {
      std::this_thread::yield();
    }
  });
  return CUDA_SUCCESS;
}

std::mutex limits_mutex;
std::map<const void*, std::size_t> shared_limits;  // of kernels that asked for more than 48 KiB

}  // namespace

namespace longhaul::emulated_gpu {

cudaError_t enqueue(cudaStream_t stream, std::function<void()> task) {
  enqueue_plain(stream, [task = std::move(task)] {
    const Working working;
    task();
  });
  return cudaSuccess;
}

cudaError_t launch(const Launch& launch, cudaStream_t stream, const std::function<void()>& call) {
  std::size_t limit = 48 * 1024;
  {
    const std::lock_guard lock(limits_mutex);
    const auto found = shared_limits.find(launch.kernel);
    if (found != shared_limits.end()) limit = std::max(limit, found->second);
  }
  const bool is_valid = launch.threads >= 1 && launch.threads <= 1024 && launch.blocks.x >= 1 &&
                        launch.blocks.x <= 0x7FFFFFFFU && launch.blocks.y >= 1 &&
                        launch.blocks.y <= 65535 && launch.blocks.z >= 1 &&
                        launch.blocks.z <= 65535 && launch.shared <= limit;
  if (!is_valid) return report(cudaErrorInvalidConfiguration);
  return enqueue(stream, [launch, call] { run_grid(launch, call); });
}

}  // namespace longhaul::emulated_gpu

using longhaul::emulated_gpu::enqueue;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return report(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int /*device*/) {
  *properties = {};
  std::strcpy(properties->name, "emulated GPU");
  properties->major = 8;
  properties->minor = 9;
  properties->multiProcessorCount = 1;
  properties->totalGlobalMem = kDeviceMemory;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  return std::exchange(last_error, cudaSuccess);
}
const char* cudaGetErrorName(cudaError_t /*error*/) {
  return "cudaError";
}
const char* cudaGetErrorString(cudaError_t /*error*/) {
  return "an error of the emulated GPU";
}

cudaError_t cudaMalloc(void** to, std::size_t size) {
  *to = memory().allocate(size, true);
  return report(*to == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}
cudaError_t cudaMallocManaged(void** to, std::size_t size, unsigned /*flags*/) {
  *to = memory().allocate(size, false);
  return report(*to == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}
cudaError_t cudaFree(void* pointer) {
  return report(pointer == nullptr || memory().release(pointer) ? cudaSuccess
                                                                : cudaErrorInvalidValue);
}
cudaError_t cudaHostAlloc(void** to, std::size_t size, unsigned /*flags*/) {
  return cudaMallocManaged(to, size, 0);
}
cudaError_t cudaFreeHost(void* pointer) {
  return cudaFree(pointer);
}
cudaError_t cudaHostGetDevicePointer(void** to, void* pointer, unsigned /*flags*/) {
  *to = pointer;
  return cudaSuccess;
}
cudaError_t cudaHostRegister(void* pointer, std::size_t size, unsigned /*flags*/) {
  return report(memory().lock_pages(pointer, size) ? cudaSuccess
                                                   : cudaErrorHostMemoryAlreadyRegistered);
}
cudaError_t cudaHostUnregister(void* pointer) {
  return report(memory().unlock_pages(pointer) ? cudaSuccess : cudaErrorHostMemoryNotRegistered);
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = memory().free_bytes();
  *total = kDeviceMemory;
  return cudaSuccess;
}

// Memory that is not locked is read when the copy is enqueued and written before it returns.
cudaError_t cudaMemcpyAsync(
    void* to, const void* from, std::size_t size, cudaMemcpyKind /*kind*/, cudaStream_t stream) {
  if (!memory().is_reachable(from, size)) {
    const auto* bytes = static_cast<const std::byte*>(from);
    return enqueue(stream, [to, copy = std::vector<std::byte>(bytes, bytes + size)] {
      std::memcpy(to, copy.data(), copy.size());
    });
  }
  enqueue(stream, [to, from, size] { std::memmove(to, from, size); });
  return memory().is_reachable(to, size) ? cudaSuccess : cudaStreamSynchronize(stream);
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t size, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(to, from, size, kind, nullptr);
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t size, cudaStream_t stream) {
  return enqueue(stream, [to, value, size] { std::memset(to, value, size); });
}
cudaError_t cudaMemset(void* to, int value, std::size_t size) {
  return cudaMemsetAsync(to, value, size, nullptr);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  *stream = reinterpret_cast<cudaStream_t>(new Stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream_of(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream != nullptr && stream != cudaStreamLegacy) stream_of(stream)->synchronize();
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  return cudaSuccess;  // the tests that call it use the default stream, which does not run ahead
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  enqueue_plain(stream, [function, data] { function(data); });
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaErrorInvalidValue;
  if (static_cast<std::size_t>(value) > kMostShared) return report(cudaErrorInvalidValue);
  const std::lock_guard lock(limits_mutex);
  shared_limits[function] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  auto* created = new Event;
  created->has_time = (flags & cudaEventDisableTiming) == 0;
  *event = reinterpret_cast<cudaEvent_t>(created);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event_of(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto mark = std::make_shared<Mark>();
  {
    const std::lock_guard lock(event_of(event)->mutex);
    event_of(event)->mark = mark;
  }
  enqueue_plain(stream, [mark] { mark->reach(); });
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  if (const std::shared_ptr<Mark> mark = event_of(event)->last()) {
    enqueue_plain(stream, [mark] { mark->wait(); });
  }
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const std::shared_ptr<Mark> mark = event_of(event)->last()) mark->wait();
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const auto from = event_of(start)->last();
  const auto to = event_of(end)->last();
  const bool has_times = event_of(start)->has_time && event_of(end)->has_time;
  if (!from || !to || !has_times) return report(cudaErrorInvalidResourceHandle);
  if (!from->is_reached || !to->is_reached) return report(cudaErrorNotReady);
  *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
  return cudaSuccess;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol,
                                             void** function,
                                             unsigned /*version*/,
                                             unsigned long long /*flags*/,
                                             cudaDriverEntryPointQueryResult* status) {
  const bool is_known = std::string_view(symbol) == "cuStreamWaitValue32";
  *function = is_known ? reinterpret_cast<void*>(&wait_for_value) : nullptr;
  *status = is_known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

}  // extern "C"
