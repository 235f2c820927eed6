// JSON text from any file: parses or throws FormatError, and what parses is written and read back
// as the same value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using longhaul::Json;
  try {
    const Json value = Json::parse({reinterpret_cast<const char*>(data), size}, "input");
    if (Json::parse(value.dump(), "dump") != value) std::abort();
  } catch (const longhaul::FormatError&) {
  }
  return 0;
}
