#include "longhaul/io/input_file.h"

#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {

InputFile::InputFile(std::filesystem::path path, FileOps& files)
    : path_(std::move(path)), files_(&files) {
  const int error = files_->open_for_reading(path_, descriptor_, size_);
  if (error != 0) throw IoError(path_.string(), "cannot open", error);
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) files_->close(descriptor_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      files_(other.files_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(files_, other.files_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

void InputFile::read_at(std::int64_t offset, std::span<std::byte> out) const {
  require(offset >= 0, path_.string(), ": read at ", offset, ", expected an offset >= 0");
  std::size_t done = 0;
  while (done < out.size()) {
    const std::int64_t place = offset + static_cast<std::int64_t>(done);
    std::size_t transferred = 0;
    const int error = files_->read_at(descriptor_, place, out.subspan(done), transferred);
    if (error != 0) throw IoError(path_.string(), concat("cannot read at byte ", place), error);
    if (transferred == 0) {
      throw IoError(path_.string(),
                    concat("ends at byte ", place, ", expected at least ", offset + out.size()));
    }
    done += transferred;
  }
}

std::string read_text_file(const std::filesystem::path& path, std::int64_t limit, FileOps& files) {
  const InputFile file(path, files);
  if (file.size() > limit) {
    throw FormatError(
        concat(path.string(), ": has ", file.size(), " bytes, expected at most ", limit));
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace longhaul
