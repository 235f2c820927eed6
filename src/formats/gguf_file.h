// The GGUF container, versions 2 and 3: metadata, a table of tensors, their blocks. Reading is
// strict: every count, length and offset is checked against the file before memory is taken for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/dtype.h"
#include "longhaul/core/json.h"
#include "longhaul/core/thread_pool.h"
#include "longhaul/io/file_ops.h"
#include "longhaul/io/input_file.h"

#include "formats/ggml_types.h"

namespace longhaul {

struct GgufTensor {
  std::string name;
  GgmlType type = GgmlType::kF32;
  std::vector<std::int64_t> shape;  // row-major: the file's order reversed
  std::int64_t elements = 0;
  std::int64_t offset = 0;  // in the file
  std::int64_t bytes = 0;
};

struct GgufHeader {
  Json metadata;                    // an object: "llama.block_count" -> 30; fp32 values widened
  std::vector<GgufTensor> tensors;  // in the order of the file
};

// Fills a span with bytes of the file; asked only for what lies inside it.
using ReadAt = FunctionRef<void(std::int64_t offset, std::span<std::byte>)>;

// Throws FormatError that names `file` and the place.
GgufHeader parse_gguf_header(ReadAt read_at, std::int64_t file_bytes, const std::string& file);

class GgufFile {
 public:
  // Throws IoError, FormatError.
  explicit GgufFile(const std::filesystem::path& path, FileOps& files = system_files());

  const std::filesystem::path& path() const { return file_.path(); }
  const Json& metadata() const { return header_.metadata; }
  const std::vector<GgufTensor>& tensors() const { return header_.tensors; }
  // Null when there is none.
  const GgufTensor* find(std::string_view name) const;

  // Fills `out` with the whole tensor as fp32, fp16 or bf16; its size must be exact. Takes 1.5 MiB
  // beside it.
  void read(const GgufTensor& tensor, DType wanted, std::span<std::byte> out) const;

 private:
  InputFile file_;
  GgufHeader header_;
};

}  // namespace longhaul
