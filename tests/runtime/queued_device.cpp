#include "runtime/queued_device.h"

#include <array>
#include <chrono>
#include <utility>
#include <vector>

namespace longhaul::test {

TaskQueue::TaskQueue() : thread_([this] { work(); }) {}

TaskQueue::~TaskQueue() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TaskQueue::enqueue(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

void TaskQueue::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tasks_.empty() && !is_running_; });
  if (std::exception_ptr failure = std::exchange(failure_, nullptr)) {
    std::rethrow_exception(failure);
  }
}

void TaskQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    is_running_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      task();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    is_running_ = false;
    if (!failure_) failure_ = failure;
    changed_.notify_all();
  }
}

namespace {

using Clock = std::chrono::steady_clock;

// As a stream of a GPU does, it looks again and again.
void poll(const std::atomic<std::int32_t>& counter, std::int32_t value) {
  while (counter.load(std::memory_order_acquire) < value) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

class TestQueue final : public LaneQueue {
 public:
  TestQueue(Device& device, TaskQueue& tasks, std::int32_t ops, bool has_counters)
      : device_(device),
        tasks_(tasks),
        has_counters_(has_counters),
        intervals_(static_cast<std::size_t>(ops)) {}

  void begin(Clock::time_point zero) override {
    tasks_.enqueue([this, zero] {
      ended_.store(0);
      zero_ = zero;
    });
    tasks_.drain();
  }
  void begin_op(std::int32_t op) override {
    tasks_.enqueue([this, op] { intervals_[static_cast<std::size_t>(op)].start.value = now(); });
  }
  void end_op(std::int32_t op) override {
    tasks_.enqueue([this, op] {
      intervals_[static_cast<std::size_t>(op)].end.value = now();
      ended_.store(op + 1, std::memory_order_release);
    });
  }
  void copy(const Location& to, const Location& from, Bytes size) override {
    tasks_.enqueue([this, to, from, size] { device_.copy(to, from, size); });
  }
  bool wait_for(const std::atomic<std::int32_t>& counter, std::int32_t value) override {
    if (has_counters_) tasks_.enqueue([&counter, value] { poll(counter, value); });
    return has_counters_;
  }
  void wait_for(const LaneQueue& other, std::int32_t op) override {
    const std::atomic<std::int32_t>& ended = static_cast<const TestQueue&>(other).ended_;
    tasks_.enqueue([&ended, op] { poll(ended, op + 1); });
  }
  void synchronize(std::int32_t op) const override { poll(ended_, op + 1); }
  void drain() override { tasks_.drain(); }
  Interval interval(std::int32_t op) const override {
    return intervals_[static_cast<std::size_t>(op)];
  }

 private:
  double now() const { return std::chrono::duration<double>(Clock::now() - zero_).count(); }

  Device& device_;
  TaskQueue& tasks_;
  bool has_counters_;
  std::atomic<std::int32_t> ended_{0};
  Clock::time_point zero_;
  std::vector<Interval> intervals_;
};

class QueuedDevice final : public Device {
 public:
  QueuedDevice(const HostDeviceOptions& options, bool has_counters)
      : device_(make_host_device(options)), has_counters_(has_counters) {}

  std::byte* base(Tier tier) const override { return device_->base(tier); }
  Bytes capacity(Tier tier) const override { return device_->capacity(tier); }
  ThreadPool& pool(Lane lane) override { return device_->pool(lane); }
  void prepare_thread() const override { device_->prepare_thread(); }
  void copy(const Location& to, const Location& from, Bytes size) override {
    device_->copy(to, from, size);
  }
  void read(std::span<std::byte> to, const Location& from) override { device_->read(to, from); }
  void write(const Location& to, std::span<const std::byte> from) override {
    device_->write(to, from);
  }
  std::unique_ptr<LaneQueue> make_queue(Lane lane, std::int32_t ops) override {
    const auto index = static_cast<std::size_t>(lane);
    if (index >= streams_.size()) return nullptr;
    return std::make_unique<TestQueue>(*device_, streams_[index], ops, has_counters_);
  }
  void* stream(Lane lane) const override {
    const auto index = static_cast<std::size_t>(lane);
    return index < streams_.size() ? &streams_[index] : nullptr;
  }
  std::atomic<std::int32_t>* counter(Lane lane) override {
    return has_counters_ ? &counters_[static_cast<std::size_t>(lane)] : nullptr;
  }

 private:
  static_assert(static_cast<int>(Lane::kCompute) == 0 && static_cast<int>(Lane::kH2d) == 1 &&
                static_cast<int>(Lane::kD2h) == 2);

  std::unique_ptr<Device> device_;
  bool has_counters_;
  std::array<std::atomic<std::int32_t>, kLaneCount> counters_{};
  mutable std::array<TaskQueue, 3> streams_;
};

}  // namespace

std::unique_ptr<Device> make_queued_device(const HostDeviceOptions& options, bool has_counters) {
  return std::make_unique<QueuedDevice>(options, has_counters);
}

}  // namespace longhaul::test
