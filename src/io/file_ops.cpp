#include "longhaul/io/file_ops.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace longhaul {

FileOps::~FileOps() = default;

namespace {

// One call moves at most 2 GiB less a page on Linux; smaller pieces keep signals answered.
constexpr std::size_t kLargestTransfer = std::size_t{1} << 30;

// 0 or errno of a call that returns -1 on failure; a call that a signal interrupted is repeated.
template <class Call>
int error_of(const Call& call) {
  while (call() < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

class SystemFiles final : public FileOps {
 public:
  int open_for_reading(const Path& file, int& descriptor, std::int64_t& size) override {
    int opened = -1;
    // Without O_NONBLOCK, opening a pipe that nobody writes would wait for ever.
    const int error =
        error_of([&] { return opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
    if (error != 0) return error;
    struct stat status {};
    if (const int failed = error_of([&] { return ::fstat(opened, &status); }); failed != 0) {
      ::close(opened);
      return failed;
    }
    if (!S_ISREG(status.st_mode)) {
      ::close(opened);
      return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    }
    descriptor = opened;
    size = status.st_size;
    return 0;
  }

  int create(const Path& file, int& descriptor) override {
    int opened = -1;
    const int error = error_of([&] {
      return opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    });
    if (error == 0) descriptor = opened;
    return error;
  }

  int read_at(int descriptor,
              std::int64_t offset,
              std::span<std::byte> out,
              std::size_t& transferred) override {
    ssize_t done = 0;
    const int error = error_of([&] {
      return done = ::pread(descriptor, out.data(), std::min(out.size(), kLargestTransfer), offset);
    });
    if (error == 0) transferred = static_cast<std::size_t>(done);
    return error;
  }

  int write(int descriptor, std::span<const std::byte> bytes, std::size_t& transferred) override {
    ssize_t done = 0;
    const int error = error_of([&] {
      return done = ::write(descriptor, bytes.data(), std::min(bytes.size(), kLargestTransfer));
    });
    if (error == 0) transferred = static_cast<std::size_t>(done);
    return error;
  }

  int sync(int descriptor) override {
    return error_of([&] { return ::fsync(descriptor); });
  }

  // Not repeated after a signal: Linux has released the descriptor by then.
  int close(int descriptor) override { return ::close(descriptor) < 0 ? errno : 0; }

  int make_directory(const Path& folder) override {
    return error_of([&] { return ::mkdir(folder.c_str(), 0777); });
  }

  int sync_directory(const Path& folder) override {
    int opened = -1;
    const int error = error_of(
        [&] { return opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (error != 0) return error;
    const int failed = sync(opened);
    ::close(opened);
    return failed;
  }

  int rename(const Path& from, const Path& to) override {
    return error_of([&] { return std::rename(from.c_str(), to.c_str()); });
  }

  int exchange(const Path& a, const Path& b) override {
    return error_of(
        [&] { return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE); });
  }

  int remove(const Path& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    return error.value();
  }
};

}  // namespace

FileOps& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace longhaul
