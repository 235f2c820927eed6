// Writing files so that a reader sees the old content or the new one, never a part, whatever fails
// and whenever the process dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "longhaul/io/file_ops.h"

namespace longhaul {

// A file being written front to back. Not atomic by itself: for files inside an AtomicFolder.
class FileWriter {
 public:
  // Throws IoError, as every function here, with the file's name and the reason.
  explicit FileWriter(std::filesystem::path path, FileOps& files = system_files());
  // Without close(), the file keeps whatever part of it was written.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Bytes appended so far.
  std::int64_t size() const { return size_; }

  void append(std::span<const std::byte> bytes);
  void append(std::string_view text) { append(std::as_bytes(std::span(text))); }

  // Returns once every byte is on stable storage. Nothing can be appended afterwards.
  void close();

 private:
  void flush();
  void write_all(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  FileOps* files_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
  std::vector<std::byte> buffer_;
};

// Writes to NAME.longhaul-tmp in the same folder; commit() gives it its name.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target, FileOps& files = system_files());
  // Without commit(), removes the temporary file; the target is as it was.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void append(std::span<const std::byte> bytes) { writer_.append(bytes); }
  void append(std::string_view text) { writer_.append(text); }

  // Syncs the bytes, renames, syncs the folder. On an error the target is as it was, but for the
  // last step: then the new content stands, and may not survive a power failure.
  void commit();

 private:
  std::filesystem::path target_;
  FileOps* files_;
  FileWriter writer_;
  bool is_committed_ = false;
};

// One AtomicFile with this content.
void write_text_file(const std::filesystem::path& target,
                     std::string_view text,
                     FileOps& files = system_files());

}  // namespace longhaul
