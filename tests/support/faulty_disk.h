// A system on which one chosen request of a disk store goes wrong.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "longhaul/io/disk_ops.h"

namespace longhaul::test {

// What becomes of the chosen request.
enum class Fault : std::uint8_t {
  kError,    // it returns the error code
  kShort,    // a transfer moves a sector at most
  kChanged,  // a read brings one bit changed
};

// Passes every request on to the system, except the `failing`-th one (from 0). Every transfer
// counts, through io_uring or not; close() does not. Of kChanged only reads count: their order
// among the writes is that of the lanes.
class FaultyDisk final : public DiskOps {
 public:
  FaultyDisk(std::int64_t failing, int code, Fault fault = Fault::kError)
      : failing_(failing), code_(code), fault_(fault) {}

  // Requests counted so far; more than `failing` when the fault was reached.
  std::int64_t calls() const { return calls_; }
  // Files made and not closed.
  int open_files() const { return open_files_; }
  // Transfers report that they moved at most this many bytes.
  void limit_transfers(std::size_t bytes) { transfer_limit_ = bytes; }
  // Every io_uring is refused with `code`.
  void refuse_rings(int code) { ring_error_ = code; }
  // Every registration of memory is refused with `code`.
  void refuse_registration(int code) { registration_error_ = code; }

  int create_unnamed(const Path& folder, int& descriptor, bool& is_direct) override {
    if (fails()) return code_;
    const int error = system_disk().create_unnamed(folder, descriptor, is_direct);
    if (error == 0) ++open_files_;
    return error;
  }
  int reserve(int descriptor, std::int64_t size) override {
    return fails() ? code_ : system_disk().reserve(descriptor, size);
  }
  int free_space(const Path& folder, std::int64_t& bytes) override {
    return fails() ? code_ : system_disk().free_space(folder, bytes);
  }
  int read_at(int descriptor,
              std::int64_t offset,
              std::span<std::byte> out,
              std::size_t& transferred) override {
    const bool is_hit = is_next();
    if (is_hit && fault_ == Fault::kError) return code_;
    if (is_hit && fault_ == Fault::kShort) out = first_sector(out);
    const int error = system_disk().read_at(descriptor, offset, limited(out), transferred);
    transferred = std::min(transferred, transfer_limit_);
    if (is_hit && fault_ == Fault::kChanged) change(out);
    return error;
  }
  int write_at(int descriptor,
               std::int64_t offset,
               std::span<const std::byte> bytes,
               std::size_t& transferred) override {
    const bool is_hit = fault_ != Fault::kChanged && is_next();
    if (is_hit && fault_ == Fault::kError) return code_;
    if (is_hit && fault_ == Fault::kShort) bytes = first_sector(bytes);
    const int error = system_disk().write_at(descriptor, offset, limited(bytes), transferred);
    transferred = std::min(transferred, transfer_limit_);
    return error;
  }
  int open_ring(int depth, std::unique_ptr<TransferQueue>& queue) override {
    if (fails()) return code_;
    if (ring_error_ != 0) return ring_error_;
    std::unique_ptr<TransferQueue> inner;
    const int error = system_disk().open_ring(depth, inner);
    if (error == 0) queue = std::make_unique<FaultyQueue>(*this, std::move(inner));
    return error;
  }
  int close(int descriptor) override {
    --open_files_;
    return system_disk().close(descriptor);
  }

 private:
  class FaultyQueue final : public TransferQueue {
   public:
    FaultyQueue(FaultyDisk& disk, std::unique_ptr<TransferQueue> inner)
        : disk_(&disk), inner_(std::move(inner)) {}

    int register_memory(std::span<std::byte> memory) override {
      if (disk_->fails()) return disk_->code_;
      if (disk_->registration_error_ != 0) return disk_->registration_error_;
      return inner_->register_memory(memory);
    }
    void start(const Transfer& transfer) override {
      if (transfer.tag >= under_way_.size()) under_way_.resize(transfer.tag + 1);
      under_way_[transfer.tag] = transfer;
      Transfer shorter = transfer;
      shorter.memory = disk_->limited(transfer.memory);
      inner_->start(shorter);
    }
    Completion wait() override {
      Completion completion = inner_->wait();
      const Transfer& transfer = under_way_[completion.tag];
      const bool counts = disk_->fault_ != Fault::kChanged || !transfer.is_write;
      if (counts && disk_->is_next()) disk_->spoil(completion, transfer);
      if (disk_->transfer_limit_ != SIZE_MAX) {
        const auto limit = static_cast<std::int64_t>(disk_->transfer_limit_);
        completion.result = std::min(completion.result, limit);
      }
      return completion;
    }

   private:
    FaultyDisk* disk_;
    std::unique_ptr<TransferQueue> inner_;
    std::vector<Transfer> under_way_;  // by tag
  };

  bool is_next() { return calls_++ == failing_; }
  bool fails() { return fault_ != Fault::kChanged && is_next() && fault_ == Fault::kError; }

  template <class Bytes>
  static Bytes first_sector(Bytes bytes) {
    return bytes.first(std::min<std::size_t>(bytes.size(), 4096));
  }
  static void change(std::span<std::byte> bytes) { bytes.front() ^= std::byte{0x10}; }
  // What has been moved beyond the first sector is not reported.
  void spoil(Completion& completion, const Transfer& transfer) const {
    switch (fault_) {
      case Fault::kError: completion.result = -code_; break;
      case Fault::kShort:
        completion.result = std::min<std::int64_t>(completion.result, 4096);
        break;
      case Fault::kChanged: change(transfer.memory); break;
    }
  }

  // Direct transfers are of whole sectors; what is above the limit is not reported.
  template <class Bytes>
  Bytes limited(Bytes bytes) const {
    const std::size_t sectors = transfer_limit_ / 4096 + 1;
    return sectors < bytes.size() / 4096 ? bytes.first(sectors * 4096) : bytes;
  }

  std::int64_t failing_;
  int code_;
  Fault fault_;
  std::atomic<std::int64_t> calls_{0};
  std::atomic<int> open_files_{0};
  std::size_t transfer_limit_ = SIZE_MAX;
  int ring_error_ = 0;
  int registration_error_ = 0;
};

}  // namespace longhaul::test
