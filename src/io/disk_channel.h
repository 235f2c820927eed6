// One call of a disk store at a time: cut into pieces, several of them in flight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "longhaul/io/disk_ops.h"

#include "io/stripes.h"
#include "io/unit_table.h"

namespace longhaul {

// What the channels of a store share.
struct DiskLayout {
  Stripes stripes;
  std::vector<int> descriptors;    // per folder
  std::optional<UnitTable> units;  // when verifying
};

struct DiskCall {
  bool is_write;
  std::int64_t offset;          // in the store, a multiple of kDiskUnit
  std::span<std::byte> memory;  // only read from when is_write
};

// The first thing that went wrong in a call.
struct DiskFailure {
  enum class Kind : std::uint8_t { kRefused, kEndsEarly, kMismatch };
  Kind kind;
  int code;  // errno value when kRefused
  int folder;
  std::int64_t offset;       // in the store: of the transfer, or of the unit that does not match
  std::int64_t size;         // of the transfer or the unit
  std::int64_t file_offset;  // in the folder's file
};

class DiskChannel {
 public:
  // Runs up to `depth` transfers at once. `layout` must outlive it.
  DiskChannel(DiskLayout& layout, std::unique_ptr<TransferQueue> queue, int depth);

  TransferQueue& queue() { return *queue_; }

  // Blocks until nothing of the call is in flight any more; empty when all of it was done.
  std::optional<DiskFailure> run(const DiskCall& call);

 private:
  struct Piece {
    std::int64_t offset;  // in the store
    Stripes::Place place;
    std::span<std::byte> memory;       // the caller's
    std::span<std::byte> transferred;  // that memory or a slot's copy: whole sectors
    std::size_t done;                  // bytes of `transferred`
    int attempts;                      // since the last byte was moved
  };

  Piece next_piece(std::uint32_t slot) const;
  void begin_more();
  void begin(std::uint32_t slot);
  void start(std::uint32_t slot);
  void advance(const Completion& completion);
  void finish(const Piece& piece);
  void fail(const Piece& piece, DiskFailure::Kind kind, int code);

  struct Free {
    void operator()(std::byte* bytes) const noexcept { std::free(bytes); }
  };

  DiskLayout* layout_;
  std::unique_ptr<TransferQueue> queue_;
  std::unique_ptr<std::byte, Free> copies_;  // a unit per slot
  std::vector<Piece> pieces_;                // per slot
  std::vector<std::uint32_t> free_slots_;

  // Of the running call.
  DiskCall call_{};
  std::size_t begun_ = 0;  // bytes of it
  std::optional<DiskFailure> failure_;
};

}  // namespace longhaul
