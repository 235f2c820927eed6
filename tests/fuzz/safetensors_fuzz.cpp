// Whatever the bytes: a file is refused with a FormatError, or each of its tensors can be read.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/formats/safetensors.h"

#include "tests/support/memory_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longhaul;
  test::MemoryFiles files(std::as_bytes(std::span(data, size)));
  try {
    const SafetensorsFile file("fuzz.safetensors", files);
    for (const StoredTensor& tensor : file.tensors()) {
      const DType dtype = tensor.spec.dtype;
      const bool is_float = dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF32;
      const DType wanted = is_float ? DType::kF32 : dtype;
      std::vector<std::byte> out(
          static_cast<std::size_t>(element_count(tensor.spec) * size_of(wanted)));
      file.read(tensor, wanted, out);
      check_finite(wanted, out, tensor.spec.name);
    }
  } catch (const FormatError&) {
    return 0;
  }
  return 0;
}
