#include "longhaul/io/atomic_file.h"

#include <cerrno>
#include <utility>

#include "longhaul/core/error.h"

#include "io/target_path.h"

namespace longhaul {
namespace {

// Gathers small appends; larger ones go straight to the system.
constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

}  // namespace

FileWriter::FileWriter(std::filesystem::path path, FileOps& files)
    : path_(std::move(path)), files_(&files) {
  buffer_.reserve(kBufferBytes);
  const int error = files_->create(path_, descriptor_);
  if (error != 0) throw IoError(path_.string(), "cannot create", error);
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) files_->close(descriptor_);
}

void FileWriter::append(std::span<const std::byte> bytes) {
  require(descriptor_ >= 0, path_.string(), ": append after close");
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() > kBufferBytes) {
    write_all(bytes);
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  size_ += static_cast<std::int64_t>(bytes.size());
}

void FileWriter::close() {
  require(descriptor_ >= 0, path_.string(), ": closed twice");
  flush();
  if (const int error = files_->sync(descriptor_); error != 0) {
    throw IoError(path_.string(), "cannot sync", error);
  }
  if (const int error = files_->close(std::exchange(descriptor_, -1)); error != 0) {
    throw IoError(path_.string(), "cannot close", error);
  }
}

void FileWriter::flush() {
  write_all(buffer_);
  buffer_.clear();
}

void FileWriter::write_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::size_t transferred = 0;
    int error = files_->write(descriptor_, bytes, transferred);
    // POSIX leaves a write of nothing without a reason possible; repeating it could spin.
    if (error == 0 && transferred == 0) error = EIO;
    if (error != 0) throw IoError(path_.string(), "cannot write", error);
    bytes = bytes.subspan(transferred);
  }
}

AtomicFile::AtomicFile(const std::filesystem::path& target, FileOps& files)
    : target_(resolve_target(target)),
      files_(&files),
      writer_(with_suffix(target_, kTemporarySuffix), files) {}

AtomicFile::~AtomicFile() {
  if (!is_committed_) files_->remove(writer_.path());
}

void AtomicFile::commit() {
  writer_.close();
  if (const int error = files_->rename(writer_.path(), target_); error != 0) {
    throw IoError(target_.string(), "cannot replace", error);
  }
  is_committed_ = true;
  if (const int error = files_->sync_directory(parent_of(target_)); error != 0) {
    throw IoError(parent_of(target_).string(), "cannot sync", error);
  }
}

void write_text_file(const std::filesystem::path& target, std::string_view text, FileOps& files) {
  AtomicFile file(target, files);
  file.append(text);
  file.commit();
}

}  // namespace longhaul
