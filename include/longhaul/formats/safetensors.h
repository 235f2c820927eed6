// The safetensors container: a length, a JSON header, then the bytes of the tensors without gaps.
// Reading is strict: whatever the format forbids is refused before memory is taken for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/dtype.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/file_ops.h"
#include "longhaul/io/input_file.h"

namespace longhaul {

// What a tensor is, wherever its bytes are. Row-major; an empty shape is a scalar.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
};

// Elements, and bytes, of a tensor. InvalidArgument for a negative extent or beyond int64.
std::int64_t element_count(const TensorSpec& spec);
std::int64_t byte_count(const TensorSpec& spec);

// A tensor and the place of its byte_count() bytes in a file.
struct StoredTensor {
  TensorSpec spec;
  std::int64_t offset = 0;
};

// Rows of a tensor: indices of its first dimension. count < 0 means all from `first` on.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t count = -1;
};

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;  // by offset
  std::map<std::string, std::string> metadata;
};

// Parses the JSON text of a header that stands in front of the data at byte `data_begin` of a file
// of `file_bytes` bytes. Throws FormatError that names `file` and the tensor: unknown dtypes,
// shapes that do not match their range, ranges that overlap, leave gaps or leave the file, repeated
// names.
SafetensorsHeader parse_safetensors_header(std::string_view json,
                                           std::int64_t data_begin,
                                           std::int64_t file_bytes,
                                           const std::string& file);

// One open file. Reads may come from any thread.
class SafetensorsFile {
 public:
  // Reads the header. Throws IoError, FormatError.
  explicit SafetensorsFile(const std::filesystem::path& path, FileOps& files = system_files());

  const std::filesystem::path& path() const { return file_.path(); }
  const std::vector<StoredTensor>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  // Fills `out` with these rows of a tensor of this file as `wanted`; its size must be exact. fp32,
  // fp16 and bf16 convert into each other (widening is exact, narrowing rounds to nearest even);
  // every other dtype is read as it is. Takes 1 MiB beside `out`.
  // Throws InvalidArgument (rows, sizes), FormatError (no such conversion), IoError.
  void read(const StoredTensor& tensor,
            DType wanted,
            std::span<std::byte> out,
            RowRange rows = {}) const;

 private:
  InputFile file_;
  SafetensorsHeader header_;
};

// Writes a container front to back: the tensors are declared first, their bytes follow in the
// declared order. Files go through `out`, which the caller closes or commits.
class SafetensorsWriter {
 public:
  // Writes the header, padded so that the data begin at a multiple of 8. Throws InvalidArgument for
  // repeated names and for "__metadata__", IoError.
  SafetensorsWriter(FileWriter& out, const std::vector<TensorSpec>& tensors);

  // The next bytes, in pieces of any size. InvalidArgument beyond what was declared.
  void append(std::span<const std::byte> bytes);
  // InvalidArgument unless every declared byte was appended.
  void finish() const;

 private:
  FileWriter& out_;
  std::int64_t missing_bytes_ = 0;
};

// Throws FormatError `place: element 17 is NaN` (or `inf`) at the first value of `bytes`, elements
// of a float `dtype`, that is not finite; integers always pass. `place` names file and tensor.
void check_finite(DType dtype, std::span<const std::byte> bytes, std::string_view place);

}  // namespace longhaul
