// Run files from hostile bytes: the only exception that may come out is ConfigError, and what was
// accepted is written and read back as the same settings. The first line is an override where the
// input begins with '='.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/run/run_file.h"

namespace {

std::string yaml_of(const longhaul::Document& document) {
  return longhaul::to_yaml(longhaul::parse_run_config(document));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> overrides;
  if (text.starts_with('=')) {
    const std::size_t end = text.find('\n');
    overrides.emplace_back(text.substr(1, end == std::string_view::npos ? end : end - 1));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  std::string yaml;
  try {
    longhaul::Document document = longhaul::parse_document(text, "fuzz");
    longhaul::apply_overrides(document, overrides);
    yaml = yaml_of(document);
  } catch (const longhaul::ConfigError&) {
    return 0;
  }
  if (yaml_of(longhaul::parse_document(yaml, "written")) != yaml) std::abort();
  return 0;
}
