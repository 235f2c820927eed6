// Everything a disk store asks of the system, so that a test can make any single request fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace longhaul {

// Bytes to move between memory and a place in an open file.
struct Transfer {
  int descriptor;
  bool is_write;
  std::int64_t offset;          // in the file
  std::span<std::byte> memory;  // only read from when is_write
  std::uint32_t tag;            // comes back with the completion
};

struct Completion {
  std::uint32_t tag;
  std::int64_t result;  // bytes moved, perhaps fewer than asked for; or minus an errno value
};

// Transfers that run at once and finish in any order. Used from one thread at a time.
class TransferQueue {
 public:
  // Nothing may be in flight.
  virtual ~TransferQueue();

  // Pins memory, so that transfers inside it need not pin theirs; replaces what was registered
  // before, and an empty span only releases that. The memory must stay mapped until then. Returns 0
  // or an errno value: ENOMEM above the memlock limit, ENOSYS where there is no such thing.
  // Transfers work all the same. Nothing may be in flight.
  virtual int register_memory(std::span<std::byte> memory) = 0;

  // Starts a transfer; a failure, even of starting, arrives as its completion. No more may be in
  // flight than the queue was made for, and the memory must stay until the completion.
  virtual void start(const Transfer& transfer) = 0;

  // Blocks until a transfer in flight has finished; there must be one.
  virtual Completion wait() = 0;
};

// Calls in the manner of FileOps: each returns 0 or an errno value and leaves its outputs alone
// when it fails. Implementations are safe from any thread.
class DiskOps {
 public:
  using Path = std::filesystem::path;

  virtual ~DiskOps();

  // Opens a new empty file in `folder` that has no name, so that it is gone when its descriptor is
  // closed, however the process ends. `is_direct` tells whether transfers pass the page cache by.
  virtual int create_unnamed(const Path& folder, int& descriptor, bool& is_direct) = 0;
  // Gives the file this size and the blocks for it.
  virtual int reserve(int descriptor, std::int64_t size) = 0;
  // Bytes that this user may still take in the folder's file system.
  virtual int free_space(const Path& folder, std::int64_t& bytes) = 0;
  // Both may transfer less than asked for; 0 bytes read means the end of the file.
  virtual int read_at(int descriptor,
                      std::int64_t offset,
                      std::span<std::byte> out,
                      std::size_t& transferred) = 0;
  virtual int write_at(int descriptor,
                       std::int64_t offset,
                       std::span<const std::byte> bytes,
                       std::size_t& transferred) = 0;
  // Makes an io_uring for `depth` transfers in flight; ENOSYS, EPERM and others where the system
  // has none or does not let this process use it.
  virtual int open_ring(int depth, std::unique_ptr<TransferQueue>& queue) = 0;
  // Releases the descriptor even when it reports an error.
  virtual int close(int descriptor) = 0;
};

// The operating system's.
DiskOps& system_disk();

}  // namespace longhaul
