// YAML as a tree in which every value knows its file and line. A strict subset: one document of
// maps with plain keys, sequences and scalars. Anchors, aliases, tags and repeated keys are errors,
// so what a file says is what stands in it, and its size bounds the work of reading it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/config/config_errors.h"

namespace longhaul {

struct ConfigEntry;

struct ConfigNode {
  enum class Kind { kNull, kScalar, kSequence, kMap, kAlias };

  Kind kind = Kind::kNull;
  Place place;
  std::string text;                  // of a scalar; the value without quotes
  bool is_quoted = false;            // a quoted or block scalar: text, never a number or a word
  std::vector<ConfigNode> items;     // of a sequence
  std::vector<ConfigEntry> entries;  // of a map, in the order of the file; keys are distinct
};

struct ConfigEntry {
  std::string key;
  Place place;
  ConfigNode value;
};

struct Document {
  std::string source;
  ConfigNode root;        // a map, or null for an empty document
  ConfigErrors problems;  // found while reading, to be reported with the errors of the values
};

// Hostile documents end here, before they cost time or stack.
inline constexpr std::size_t kMaxDocumentBytes = std::size_t{1} << 20;
inline constexpr int kMaxDocumentDepth = 32;
inline constexpr int kMaxDocumentNodes = 10'000;

// `source` names the text in errors. Throws ConfigError when the text is no YAML, is no map, or
// exceeds a limit; problems that leave a tree to read are kept in the document.
Document parse_document(std::string_view text, const std::string& source);

// Throws IoError, else as parse_document.
Document load_document(const std::string& file);

// Applies "section.key=value" with the value in YAML; maps are merged, everything else is replaced,
// and the values' place is "--set". What is wrong with an override joins the document's problems.
void apply_overrides(Document& document, std::span<const std::string> overrides);

// The value of a key of a map, or null when `map` has no such key or is no map.
const ConfigNode* find(const ConfigNode& map, std::string_view key);

// What stands there, to complete "got ...": `"abc"`, `-3`, `a list`, `a section`, `nothing`.
std::string describe(const ConfigNode& node);

// `text` as a YAML scalar that reads back as the same text; quoted only where it must be.
std::string to_yaml_scalar(const std::string& text);
// The same, always in quotes: never a number or a word.
std::string to_quoted_yaml_scalar(const std::string& text);

}  // namespace longhaul
