// A file system on which one chosen call goes wrong: the proof that writers leave nothing half
// written needs every call to fail once.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "longhaul/io/file_ops.h"

namespace longhaul::test {

// Passes every call on to the system, except the `failing`-th one (from 0), which returns `code`.
// close() and remove() are not counted: they are what a writer cleans up with. Syncs take no time,
// since no test can tell whether they happened.
class FaultyFiles final : public FileOps {
 public:
  FaultyFiles(std::int64_t failing, int code) : failing_(failing), code_(code) {}

  // Calls counted so far; more than `failing` when the fault was reached.
  std::int64_t calls() const { return calls_; }
  // Reads and writes move at most this many bytes at once.
  void limit_transfers(std::size_t bytes) { transfer_limit_ = bytes; }
  // exchange() answers as a file system that cannot.
  void refuse_exchange() { can_exchange_ = false; }

  int open_for_reading(const Path& file, int& descriptor, std::int64_t& size) override {
    return fails() ? code_ : system_files().open_for_reading(file, descriptor, size);
  }
  int create(const Path& file, int& descriptor) override {
    return fails() ? code_ : system_files().create(file, descriptor);
  }
  int read_at(int descriptor,
              std::int64_t offset,
              std::span<std::byte> out,
              std::size_t& transferred) override {
    out = out.first(std::min(out.size(), transfer_limit_));
    return fails() ? code_ : system_files().read_at(descriptor, offset, out, transferred);
  }
  int write(int descriptor, std::span<const std::byte> bytes, std::size_t& transferred) override {
    bytes = bytes.first(std::min(bytes.size(), transfer_limit_));
    return fails() ? code_ : system_files().write(descriptor, bytes, transferred);
  }
  int sync(int /*descriptor*/) override { return fails() ? code_ : 0; }
  int close(int descriptor) override { return system_files().close(descriptor); }
  int make_directory(const Path& folder) override {
    return fails() ? code_ : system_files().make_directory(folder);
  }
  int sync_directory(const Path& /*folder*/) override { return fails() ? code_ : 0; }
  int rename(const Path& from, const Path& to) override {
    return fails() ? code_ : system_files().rename(from, to);
  }
  int exchange(const Path& a, const Path& b) override {
    if (!can_exchange_) return EINVAL;
    return fails() ? code_ : system_files().exchange(a, b);
  }
  int remove(const Path& path) override { return system_files().remove(path); }

 private:
  bool fails() { return calls_++ == failing_; }

  std::int64_t failing_;
  int code_;
  std::int64_t calls_ = 0;
  std::size_t transfer_limit_ = SIZE_MAX;
  bool can_exchange_ = true;
};

}  // namespace longhaul::test
