#include "longhaul/config/document.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"

namespace longhaul {
namespace {

using Kind = ConfigNode::Kind;

// Ends the reading of a document that has no tree.
[[noreturn]] void refuse(const Place& place, std::string_view what) {
  throw ConfigError(concat(to_string(place), ": ", what));
}

// Turns the parser's events into the tree. Working on events instead of the parser's own tree keeps
// repeated keys visible and aliases unexpanded.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Document& document) : document_(document) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_document_) refuse(place_of(mark), "a second document, expected one per file");
    has_document_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add_leaf(mark, Kind::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { add_leaf(mark, Kind::kAlias); }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t,
                const std::string& value) override {
    if (awaits_key()) {
      start_entry(mark, value);
      return;
    }
    check_tag(mark, tag);
    ConfigNode& node = add_leaf(mark, Kind::kScalar);
    node.text = value;
    node.is_quoted = tag == "!";
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    start_collection(mark, tag, Kind::kSequence);
  }
  void OnSequenceEnd() override { end_collection(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    start_collection(mark, tag, Kind::kMap);
  }
  void OnMapEnd() override { end_collection(); }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    document_.problems.add(
        place_of(mark), {}, concat("anchor &", name, ": anchors and aliases are not supported"));
  }

 private:
  struct Frame {
    ConfigNode node;
    std::string key;  // of the entry that waits for its value
    Place key_place;
    bool has_key = false;
    std::map<std::string, int> lines;  // of the keys so far
  };

  Place place_of(const YAML::Mark& mark) const { return {document_.source, mark.line + 1}; }

  bool awaits_key() const {
    return !stack_.empty() && stack_.back().node.kind == Kind::kMap && !stack_.back().has_key;
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    document_.problems.add(place_of(mark), {}, concat("tag ", tag, ": tags are not supported"));
  }

  void start_entry(const YAML::Mark& mark, const std::string& key) {
    Frame& frame = stack_.back();
    frame.key = key;
    frame.key_place = place_of(mark);
    frame.has_key = true;
  }

  ConfigNode& add_leaf(const YAML::Mark& mark, Kind kind) {
    if (awaits_key()) refuse(place_of(mark), "a key that is no plain text, expected `name: value`");
    ConfigNode node;
    node.kind = kind;
    node.place = place_of(mark);
    return place_node(std::move(node));
  }

  void start_collection(const YAML::Mark& mark, const std::string& tag, Kind kind) {
    if (awaits_key()) refuse(place_of(mark), "a key that is no plain text, expected `name: value`");
    if (stack_.size() >= static_cast<std::size_t>(kMaxDocumentDepth)) {
      refuse(place_of(mark), concat("nested deeper than ", kMaxDocumentDepth, " levels"));
    }
    check_tag(mark, tag);
    stack_.emplace_back();
    stack_.back().node.kind = kind;
    stack_.back().node.place = place_of(mark);
  }

  void end_collection() {
    ConfigNode node = std::move(stack_.back().node);
    stack_.pop_back();
    place_node(std::move(node));
  }

  // Puts a finished value where it belongs. Of a repeated key the first value stays.
  ConfigNode& place_node(ConfigNode node) {
    if (++nodes_ > kMaxDocumentNodes) {
      refuse(node.place, concat("more than ", kMaxDocumentNodes, " values"));
    }
    if (stack_.empty()) return document_.root = std::move(node);
    Frame& frame = stack_.back();
    if (frame.node.kind == Kind::kSequence) {
      return frame.node.items.emplace_back(std::move(node));
    }
    frame.has_key = false;
    const auto [first, is_new] = frame.lines.emplace(frame.key, frame.key_place.line);
    if (!is_new) {
      document_.problems.add(
          frame.key_place, frame.key, concat("repeated key, first given on line ", first->second));
      return repeated_ = std::move(node);
    }
    frame.node.entries.push_back({frame.key, frame.key_place, std::move(node)});
    return frame.node.entries.back().value;
  }

  Document& document_;
  std::vector<Frame> stack_;
  ConfigNode repeated_;
  int nodes_ = 0;
  bool has_document_ = false;
};

void check_text(std::string_view text, const std::string& source) {
  if (text.size() > kMaxDocumentBytes) {
    refuse({source}, concat("got ", text.size(), " bytes, expected at most ", kMaxDocumentBytes));
  }
  if (!is_utf8(text)) refuse({source}, "not UTF-8 text");
  int line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    const auto code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\n' && c != '\t' && c != '\r') || code == 0x7F) {
      refuse({source, line}, concat("control character ", static_cast<int>(code)));
    }
  }
}

void set_source(ConfigNode& node, const Place& place) {
  node.place = place;
  for (ConfigNode& item : node.items) set_source(item, place);
  for (ConfigEntry& entry : node.entries) {
    entry.place = place;
    set_source(entry.value, place);
  }
}

// Puts `value` at the path keys[0].keys[1]...; sections are made where they are missing.
void merge(ConfigNode& map, std::span<const std::string> keys, ConfigNode value) {
  if (keys.empty()) {
    if (map.kind != Kind::kMap || value.kind != Kind::kMap) {
      map = std::move(value);
      return;
    }
    for (ConfigEntry& entry : value.entries) {
      merge(map, std::array{entry.key}, std::move(entry.value));
    }
    return;
  }
  if (map.kind != Kind::kMap) {
    map = {};
    map.kind = Kind::kMap;
    map.place = value.place;
  }
  auto entry = std::find_if(map.entries.begin(), map.entries.end(), [&](const ConfigEntry& e) {
    return e.key == keys.front();
  });
  if (entry == map.entries.end()) {
    entry = map.entries.insert(entry, {keys.front(), value.place, {}});
  }
  entry->place = value.place;
  merge(entry->value, keys.subspan(1), std::move(value));
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> keys;
  std::istringstream in(path);
  for (std::string key; std::getline(in, key, '.');) keys.push_back(key);
  if (!path.empty() && path.back() == '.') keys.emplace_back();
  return keys;
}

bool is_plain_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' ||
         c == '/' || c == '+' || c == ' ';
}

bool needs_quotes(const std::string& text) {
  static const std::set<std::string> null_words{"null", "Null", "NULL"};
  if (text.empty() || null_words.contains(text)) return true;
  const char first = text.front();
  const bool starts_plain = std::isalnum(static_cast<unsigned char>(first)) != 0 || first == '_' ||
                            first == '/' || (first == '.' && text != "...");
  return !starts_plain || text.back() == ' ' ||
         !std::all_of(text.begin(), text.end(), is_plain_character);
}

}  // namespace

Document parse_document(std::string_view text, const std::string& source) {
  check_text(text, source);
  Document document;
  document.source = source;
  document.root.place = {source};
  TreeBuilder builder(document);
  std::istringstream in{std::string(text)};
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    refuse({source, error.mark.is_null() ? 0 : error.mark.line + 1},
           concat("not valid YAML: ", error.msg));
  }
  if (document.root.kind != Kind::kMap && document.root.kind != Kind::kNull) {
    refuse(document.root.place,
           concat("got ", describe(document.root), ", expected `key: value` lines"));
  }
  return document;
}

Document load_document(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw IoError(file, "cannot be opened", errno);
  // One byte beyond the limit is enough to know.
  std::string text(kMaxDocumentBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) throw IoError(file, "cannot be read", errno);
  text.resize(static_cast<std::size_t>(in.gcount()));
  return parse_document(text, file);
}

void apply_overrides(Document& document, std::span<const std::string> overrides) {
  const Place place{"--set"};
  for (const std::string& override_text : overrides) {
    const std::size_t equals = override_text.find('=');
    const std::vector<std::string> keys = split_path(override_text.substr(0, equals));
    const bool has_path =
        !keys.empty() &&
        std::none_of(keys.begin(), keys.end(), [](const std::string& key) { return key.empty(); });
    if (equals == std::string::npos || !has_path ||
        keys.size() > static_cast<std::size_t>(kMaxDocumentDepth)) {
      document.problems.add(place, {}, concat("got \"", override_text, "\", expected key=value"));
      continue;
    }
    try {
      // A map of one entry, so that scalars and lists are values like any other.
      Document value = parse_document("value: " + override_text.substr(equals + 1), "--set");
      if (value.root.entries.size() != 1) throw ConfigError("expected one value");
      ConfigNode node = value.root.entries.front().value;
      set_source(node, place);
      document.problems.add_all(value.problems);
      if (document.root.kind == Kind::kNull) document.root.kind = Kind::kMap;
      merge(document.root, keys, std::move(node));
    } catch (const ConfigError& error) {
      document.problems.add(place, {}, concat("got \"", override_text, "\": ", error.what()));
    }
  }
}

const ConfigNode* find(const ConfigNode& map, std::string_view key) {
  for (const ConfigEntry& entry : map.entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string describe(const ConfigNode& node) {
  constexpr std::size_t kShown = 60;
  switch (node.kind) {
    case Kind::kNull: return "nothing";
    case Kind::kSequence: return concat("a list of ", node.items.size());
    case Kind::kMap: return "a section";
    case Kind::kAlias: return "an alias (not supported: write the value out)";
    case Kind::kScalar: break;
  }
  std::size_t end = std::min(node.text.size(), kShown);
  const auto is_inside_character = [&] {
    return end < node.text.size() && (static_cast<unsigned char>(node.text[end]) & 0xC0U) == 0x80U;
  };
  while (is_inside_character()) --end;
  const std::string shown = node.text.substr(0, end) + (end < node.text.size() ? "..." : "");
  return node.is_quoted ? concat('"', shown, '"') : shown;
}

std::string to_yaml_scalar(const std::string& text) {
  return needs_quotes(text) ? to_quoted_yaml_scalar(text) : text;
}

std::string to_quoted_yaml_scalar(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (code < 0x20 || code == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\x%02X", static_cast<unsigned>(code));
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace longhaul
