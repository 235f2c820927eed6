// Reading files at positions, where anything short of what was asked for is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "longhaul/io/file_ops.h"

namespace longhaul {

// An open regular file. Reads do not share a position, so threads may read at once. There is no
// memory map: a file truncated under a map kills the process, here it is an IoError.
class InputFile {
 public:
  // Throws IoError when the file cannot be opened or is no regular file.
  explicit InputFile(std::filesystem::path path, FileOps& files = system_files());
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }
  // Bytes, when it was opened.
  std::int64_t size() const { return size_; }

  // Fills `out` with the bytes from `offset` on. Throws IoError with file, place and reason, also
  // when the file ends before `out` is full.
  void read_at(std::int64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  FileOps* files_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

// The whole file. Throws IoError, and FormatError when it has more than `limit` bytes.
std::string read_text_file(const std::filesystem::path& path,
                           std::int64_t limit = 256LL << 20,
                           FileOps& files = system_files());

}  // namespace longhaul
