#include "longhaul/io/disk_ops.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/ring_queue.h"

namespace longhaul {

TransferQueue::~TransferQueue() = default;
DiskOps::~DiskOps() = default;

namespace {

// 0 or errno of a call that returns -1 on failure; a call that a signal interrupted is repeated.
template <class Call>
int error_of(const Call& call) {
  while (call() < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int open_without_name(const std::filesystem::path& folder, int flags, int& descriptor) {
  return error_of([&] {
    return descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
  });
}

// For file systems without O_TMPFILE; the name exists for an instant.
int open_and_unlink(const std::filesystem::path& folder, int flags, int& descriptor) {
  std::string name = (folder / "longhaul-disk-XXXXXX").string();
  const int error =
      error_of([&] { return descriptor = ::mkostemp(name.data(), O_CLOEXEC | flags); });
  if (error == 0 || error == EINVAL) ::unlink(name.c_str());
  return error;
}

class SystemDisk final : public DiskOps {
 public:
  int create_unnamed(const Path& folder, int& descriptor, bool& is_direct) override {
    int error = 0;
    for (const auto& open : {open_without_name, open_and_unlink}) {
      for (const int flags : {O_DIRECT, 0}) {
        int opened = -1;
        error = open(folder, flags, opened);
        if (error == 0) {
          descriptor = opened;
          is_direct = flags != 0;
          return 0;
        }
        if (error != EINVAL) break;  // EINVAL: no O_DIRECT here
      }
      // EISDIR: the kernel, EOPNOTSUPP and EINVAL: the file system knows no O_TMPFILE.
      if (error != EISDIR && error != EOPNOTSUPP && error != EINVAL) break;
    }
    return error;
  }

  int reserve(int descriptor, std::int64_t size) override {
    const int error = error_of([&] { return ::fallocate(descriptor, 0, 0, size); });
    // Without blocks of its own the file can still run into a full disk, which is then an error of
    // the write.
    if (error != EOPNOTSUPP && error != ENOSYS) return error;
    return error_of([&] { return ::ftruncate(descriptor, size); });
  }

  int free_space(const Path& folder, std::int64_t& bytes) override {
    struct statvfs status {};
    const int error = error_of([&] { return ::statvfs(folder.c_str(), &status); });
    if (error == 0) bytes = static_cast<std::int64_t>(status.f_bavail * status.f_frsize);
    return error;
  }

  int read_at(int descriptor,
              std::int64_t offset,
              std::span<std::byte> out,
              std::size_t& transferred) override {
    ssize_t done = 0;
    const int error =
        error_of([&] { return done = ::pread(descriptor, out.data(), out.size(), offset); });
    if (error == 0) transferred = static_cast<std::size_t>(done);
    return error;
  }

  int write_at(int descriptor,
               std::int64_t offset,
               std::span<const std::byte> bytes,
               std::size_t& transferred) override {
    ssize_t done = 0;
    const int error =
        error_of([&] { return done = ::pwrite(descriptor, bytes.data(), bytes.size(), offset); });
    if (error == 0) transferred = static_cast<std::size_t>(done);
    return error;
  }

  int open_ring(int depth, std::unique_ptr<TransferQueue>& queue) override {
    return open_ring_queue(depth, queue);
  }

  // Not repeated after a signal: Linux has released the descriptor by then.
  int close(int descriptor) override { return ::close(descriptor) < 0 ? errno : 0; }
};

}  // namespace

DiskOps& system_disk() {
  static SystemDisk disk;
  return disk;
}

}  // namespace longhaul
