// A HostDevice whose compute, h2d and d2h lanes run on queues behind the executor's threads: what
// the executor does with the streams of a GPU, on a machine without one.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "longhaul/runtime/device.h"

namespace longhaul::test {

// Runs what is enqueued, in order, in a thread of its own.
class TaskQueue {
 public:
  using Task = std::function<void()>;

  TaskQueue();
  ~TaskQueue();  // runs what is left
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  void enqueue(Task task);
  // Waits until the queue is empty; rethrows the first exception of a task since the last call.
  void drain();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool is_running_ = false;
  bool is_stopping_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // uses what is above
};

// Streams are TaskQueues. `has_counters`: queues can wait for counters.
std::unique_ptr<Device> make_queued_device(const HostDeviceOptions& options, bool has_counters);

}  // namespace longhaul::test
