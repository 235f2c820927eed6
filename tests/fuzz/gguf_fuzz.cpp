// Whatever the bytes: a file is refused with a FormatError, or converts.
#include <cstddef>
#include <cstdint>
#include <span>

#include "longhaul/core/error.h"
#include "longhaul/formats/gguf.h"

#include "tests/support/memory_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longhaul;
  test::MemoryFiles files(std::as_bytes(std::span(data, size)));
  try {
    convert_gguf("fuzz.gguf", "/nonexistent/fuzz", {}, files);
  } catch (const FormatError&) {
    return 0;
  }
  return 0;
}
