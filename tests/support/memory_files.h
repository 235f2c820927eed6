// A file system with one file to read, which takes everything that is written and keeps none of it:
// for fuzzers, which must not touch the disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "longhaul/io/file_ops.h"

namespace longhaul::test {

class MemoryFiles final : public FileOps {
 public:
  // `content` must outlive it.
  explicit MemoryFiles(std::span<const std::byte> content) : content_(content) {}

  int open_for_reading(const Path& /*file*/, int& descriptor, std::int64_t& size) override {
    descriptor = 0;
    size = static_cast<std::int64_t>(content_.size());
    return 0;
  }
  int create(const Path& /*file*/, int& descriptor) override {
    descriptor = 0;
    return 0;
  }
  int read_at(int /*descriptor*/,
              std::int64_t offset,
              std::span<std::byte> out,
              std::size_t& transferred) override {
    const auto begin = std::min(static_cast<std::size_t>(offset), content_.size());
    transferred = std::min(out.size(), content_.size() - begin);
    if (transferred > 0) std::memcpy(out.data(), content_.data() + begin, transferred);
    return 0;
  }
  int write(int /*descriptor*/,
            std::span<const std::byte> bytes,
            std::size_t& transferred) override {
    transferred = bytes.size();
    return 0;
  }
  int sync(int /*descriptor*/) override { return 0; }
  int close(int /*descriptor*/) override { return 0; }
  int make_directory(const Path& /*folder*/) override { return 0; }
  int sync_directory(const Path& /*folder*/) override { return 0; }
  int rename(const Path& /*from*/, const Path& /*to*/) override { return 0; }
  int exchange(const Path& /*a*/, const Path& /*b*/) override { return 0; }
  int remove(const Path& /*path*/) override { return 0; }

 private:
  std::span<const std::byte> content_;
};

}  // namespace longhaul::test
