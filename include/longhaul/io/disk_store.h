// What a training step keeps on disk: one flat range of bytes, striped over one or several folders.
// Its content lives as long as the store; no file is left behind, however the process ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "longhaul/core/units.h"
#include "longhaul/io/disk_ops.h"

namespace longhaul {

// Transfers start at multiples of this; it is also what one checksum covers.
inline constexpr Bytes kDiskUnit = {std::int64_t{64} << 10};
// The range is dealt over the folders in pieces of this size, and no transfer to a disk is larger.
inline constexpr Bytes kDiskStripe = {std::int64_t{1} << 20};
// Memory at multiples of this is transferred in place; other memory is copied on the way.
inline constexpr Bytes kDiskAlignment = {4096};

struct DiskFolder {
  std::filesystem::path path;
  Bytes capacity;  // the most the store may take here; counts in whole stripes
};

enum class DiskEngine : std::uint8_t {
  kAuto,     // io_uring, or threads where the system refuses it
  kRing,     // io_uring
  kThreads,  // threads that read and write
};

struct DiskStoreOptions {
  std::vector<DiskFolder> folders;  // at least one; of folders on one disk, name one
  Bytes size;                       // > 0
  bool verifies = true;             // keeps a checksum per unit, and checks it on every read
  DiskEngine engine = DiskEngine::kAuto;
  int concurrent_calls = 2;  // reads and writes that run at once, >= 1; further ones wait
  DiskOps* disk = &system_disk();
};

// Fastest with large transfers, memory on huge pages, and two calls at once: a single caller leaves
// the disk idle while its call begins and ends (benchmarks/results/disk_store.md).
//
// Takes 12 bytes of memory per unit for the checksums (190 MiB per TiB), and up to 512 KiB per
// folder and concurrent call for copies of unaligned memory. Allocates nothing after construction.
class DiskStore {
 public:
  // Reserves the room on disk, so that the disk cannot fill up later where the file system supports
  // that. Throws DoesNotFit when the capacities hold less than the size, IoError with the folder
  // when one is missing, not writable or full (then with what is needed and free in each), or when
  // the engine asked for is refused.
  explicit DiskStore(const DiskStoreOptions& options);
  // Nothing may be running.
  ~DiskStore();
  DiskStore(const DiskStore&) = delete;
  DiskStore& operator=(const DiskStore&) = delete;

  Bytes size() const { return size_; }

  // Fills `to` with what was last written at `offset`, a multiple of kDiskUnit; the size is
  // arbitrary. Blocks until done; safe from any thread while no other call touches the same units.
  // Throws InvalidArgument outside [0, size()) and, when verifying, in units that hold nothing;
  // IoError with the folder when the disk fails or a checksum does not match. After an error the
  // content of `to` is unspecified, and the store can be used on.
  void read(Bytes offset, std::span<std::byte> to);

  // Replaces the bytes from `offset` on, a multiple of kDiskUnit; what else the last unit held is
  // then undefined. Otherwise as read(). After an error all units it touched hold nothing.
  void write(Bytes offset, std::span<const std::byte> from);

  // Registers the memory that transfers use most with the io_uring, which then need not pin it
  // each time; an empty span releases it. Returns false, and goes on without, where the memlock
  // limit or the engine does not allow it. Waits for running calls. Once unmapped, the memory must
  // not be used again before it is released.
  bool register_memory(std::span<std::byte> memory);

  // "io_uring, registered memory", "io_uring" or "threads".
  std::string_view engine_name() const;
  // Transfers pass the page cache by in every folder.
  bool is_direct() const;

  // What read() and write() were asked to move and did, since construction.
  Bytes bytes_read() const;
  Bytes bytes_written() const;

 private:
  struct State;
  class Borrowed;

  void check_range(std::string_view what, Bytes offset, std::size_t size) const;

  Bytes size_;
  std::unique_ptr<State> state_;
};

}  // namespace longhaul
