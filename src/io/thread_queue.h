// Transfers at once without io_uring: threads that each read or write.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "longhaul/io/disk_ops.h"

namespace longhaul {

class ThreadQueue final : public TransferQueue {
 public:
  // For `depth` transfers in flight, `threads` of them under way. `disk` must outlive it.
  ThreadQueue(DiskOps& disk, int depth, int threads);

  int register_memory(std::span<std::byte> memory) override;
  void start(const Transfer& transfer) override;
  Completion wait() override;

 private:
  void work(const std::stop_token& stop);

  DiskOps* disk_;
  std::mutex mutex_;
  std::condition_variable_any has_waiting_;
  std::condition_variable has_finished_;
  // Both have room for everything in flight. The order of transfers does not matter.
  std::vector<Transfer> waiting_;
  std::vector<Completion> finished_;
  std::vector<std::jthread> threads_;  // last: they end before the rest does
};

}  // namespace longhaul
