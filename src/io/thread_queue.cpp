#include "io/thread_queue.h"

#include <cerrno>

namespace longhaul {
namespace {

Completion run(DiskOps& disk, const Transfer& transfer) {
  std::size_t moved = 0;
  const int error =
      transfer.is_write
          ? disk.write_at(transfer.descriptor, transfer.offset, transfer.memory, moved)
          : disk.read_at(transfer.descriptor, transfer.offset, transfer.memory, moved);
  return {transfer.tag, error == 0 ? static_cast<std::int64_t>(moved) : -error};
}

}  // namespace

ThreadQueue::ThreadQueue(DiskOps& disk, int depth, int threads) : disk_(&disk) {
  waiting_.reserve(static_cast<std::size_t>(depth));
  finished_.reserve(static_cast<std::size_t>(depth));
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

int ThreadQueue::register_memory(std::span<std::byte> /*memory*/) {
  return ENOSYS;
}

void ThreadQueue::start(const Transfer& transfer) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(transfer);
  }
  has_waiting_.notify_one();
}

Completion ThreadQueue::wait() {
  std::unique_lock lock(mutex_);
  has_finished_.wait(lock, [this] { return !finished_.empty(); });
  const Completion completion = finished_.back();
  finished_.pop_back();
  return completion;
}

void ThreadQueue::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (has_waiting_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    const Transfer transfer = waiting_.front();
    waiting_.erase(waiting_.begin());
    lock.unlock();
    const Completion completion = run(*disk_, transfer);
    lock.lock();
    finished_.push_back(completion);
    has_finished_.notify_one();
  }
}

}  // namespace longhaul
