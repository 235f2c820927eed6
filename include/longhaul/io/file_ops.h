// Everything the library asks of a file system, so that a test can make any single request fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace longhaul {

// Thin calls in the manner of POSIX: each returns 0 or an errno value and leaves its outputs alone
// when it fails. Callers turn errors into IoError. Implementations are safe from any thread.
class FileOps {
 public:
  using Path = std::filesystem::path;

  virtual ~FileOps();

  // Opens a regular file for reading and tells its size; EISDIR or EINVAL for anything else.
  virtual int open_for_reading(const Path& file, int& descriptor, std::int64_t& size) = 0;
  // Makes an empty file, replacing one of the same name, and opens it for writing.
  virtual int create(const Path& file, int& descriptor) = 0;
  // May transfer less than asked for; 0 bytes read means the end of the file.
  virtual int read_at(int descriptor,
                      std::int64_t offset,
                      std::span<std::byte> out,
                      std::size_t& transferred) = 0;
  virtual int write(int descriptor, std::span<const std::byte> bytes, std::size_t& transferred) = 0;
  // Returns once the file's bytes are on stable storage.
  virtual int sync(int descriptor) = 0;
  // Releases the descriptor even when it reports an error.
  virtual int close(int descriptor) = 0;

  virtual int make_directory(const Path& folder) = 0;
  // Returns once the names in the folder are on stable storage.
  virtual int sync_directory(const Path& folder) = 0;
  // Replaces a file, or an empty directory by a directory, in one step.
  virtual int rename(const Path& from, const Path& to) = 0;
  // Swaps two names in one step; EINVAL or ENOSYS where the file system cannot.
  virtual int exchange(const Path& a, const Path& b) = 0;
  // Removes a file, or a folder with all it holds; nothing to remove is no error.
  virtual int remove(const Path& path) = 0;
};

// The operating system's.
FileOps& system_files();

}  // namespace longhaul
