#include "io/ring_queue.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include <liburing.h>
#include <sys/uio.h>

namespace longhaul {
namespace {

// The kernel takes registered memory in buffers of at most this size.
constexpr std::size_t kLargestBuffer = std::size_t{1} << 30;

// How long the kernel may refuse, for want of memory say, to take transfers while none is under
// way.
constexpr std::chrono::microseconds kRefusalPause{500};
constexpr int kMostRefusals = 4000;  // 2 seconds

class RingQueue final : public TransferQueue {
 public:
  // Takes over an io_uring that was set up for `depth` transfers.
  RingQueue(const io_uring& ring, int depth) : ring_(ring) {
    not_taken_.reserve(static_cast<std::size_t>(depth));
  }
  ~RingQueue() override { io_uring_queue_exit(&ring_); }
  RingQueue(const RingQueue&) = delete;
  RingQueue& operator=(const RingQueue&) = delete;

  int register_memory(std::span<std::byte> memory) override {
    if (!registered_.empty()) io_uring_unregister_buffers(&ring_);
    registered_ = {};
    if (memory.empty()) return 0;
    std::vector<iovec> buffers;
    for (std::size_t at = 0; at < memory.size(); at += kLargestBuffer) {
      buffers.push_back({memory.data() + at, std::min(kLargestBuffer, memory.size() - at)});
    }
    const int error =
        -io_uring_register_buffers(&ring_, buffers.data(), static_cast<unsigned>(buffers.size()));
    if (error == 0) registered_ = memory;
    return error;
  }

  void start(const Transfer& transfer) override {
    not_taken_.push_back(transfer.tag);
    if (broken_ != 0) return;
    // There is room: the ring has an entry for each transfer that may be in flight.
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    const auto size = static_cast<unsigned>(transfer.memory.size());
    const auto offset = static_cast<std::uint64_t>(transfer.offset);
    if (transfer.is_write) {
      io_uring_prep_write(entry, transfer.descriptor, transfer.memory.data(), size, offset);
    } else {
      io_uring_prep_read(entry, transfer.descriptor, transfer.memory.data(), size, offset);
    }
    if (const int buffer = buffer_with(transfer.memory); buffer >= 0) {
      entry->opcode = transfer.is_write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
      entry->buf_index = static_cast<std::uint16_t>(buffer);
    }
    io_uring_sqe_set_data64(entry, transfer.tag);
    count_taken(io_uring_submit(&ring_));  // what is not taken now, wait() offers again
  }

  Completion wait() override {
    for (int refusals = 0;;) {
      io_uring_cqe* entry = nullptr;
      if (io_uring_peek_cqe(&ring_, &entry) == 0) {
        const Completion completion{static_cast<std::uint32_t>(io_uring_cqe_get_data64(entry)),
                                    entry->res};
        io_uring_cqe_seen(&ring_, entry);
        --under_way_;
        return completion;
      }
      if (under_way_ == 0 && broken_ != 0) {
        const Completion completion{not_taken_.back(), -broken_};
        not_taken_.pop_back();
        return completion;
      }
      const int taken = io_uring_submit_and_wait(&ring_, 1);
      count_taken(taken);
      if (taken >= 0 || taken == -EINTR) continue;
      // Asking again is safe whatever the reason: transfers under way arrive without being asked
      // for. With none under way, the ring is given up in the end.
      std::this_thread::sleep_for(kRefusalPause);
      if (under_way_ == 0 && ++refusals == kMostRefusals) broken_ = -taken;
    }
  }

 private:
  void count_taken(int taken) {
    if (taken <= 0) return;
    not_taken_.erase(not_taken_.begin(), not_taken_.begin() + taken);
    under_way_ += taken;
  }

  // Index of the registered buffer that holds all of `memory`, or -1.
  int buffer_with(std::span<std::byte> memory) const {
    if (registered_.empty() || memory.data() < registered_.data()) return -1;
    const auto at = static_cast<std::size_t>(memory.data() - registered_.data());
    const std::size_t buffer = at / kLargestBuffer;
    const std::size_t end = at + memory.size();
    const bool is_inside = end <= registered_.size() && end <= (buffer + 1) * kLargestBuffer;
    return is_inside ? static_cast<int>(buffer) : -1;
  }

  io_uring ring_;
  std::span<std::byte> registered_;
  std::vector<std::uint32_t> not_taken_;  // tags of transfers that the kernel has not taken yet
  int under_way_ = 0;
  int broken_ = 0;  // errno value: why the kernel takes no transfers any more
};

// Kernels from 5.1 have io_uring, from 5.6 reads and writes without a vector of buffers.
bool can_read_and_write(io_uring& ring) {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  const bool can = io_uring_opcode_supported(probe, IORING_OP_READ) != 0 &&
                   io_uring_opcode_supported(probe, IORING_OP_WRITE) != 0;
  io_uring_free_probe(probe);
  return can;
}

}  // namespace

int open_ring_queue(int depth, std::unique_ptr<TransferQueue>& queue) {
  io_uring ring{};
  if (const int error = -io_uring_queue_init(static_cast<unsigned>(depth), &ring, 0); error != 0) {
    return error;
  }
  if (!can_read_and_write(ring)) {
    io_uring_queue_exit(&ring);
    return ENOSYS;
  }
  queue = std::make_unique<RingQueue>(ring, depth);
  return 0;
}

}  // namespace longhaul
