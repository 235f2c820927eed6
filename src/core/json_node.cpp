#include "core/json_node.h"

#include <algorithm>
#include <numeric>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// A key longer than this is cut in messages.
constexpr std::size_t kShownKey = 64;

// `a.b`, and `a["odd key"]`.
void append_key(std::string& path, std::string_view key) {
  const bool is_plain = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (is_plain) {
    if (!path.empty()) path += '.';
    path += key;
  } else {
    path += concat("[\"", key.substr(0, kShownKey), "\"]");
  }
}

// Appends the path from `from` to `target`; false when it is not below.
bool find_path(const JsonNode& from, const JsonNode* target, std::string& path) {
  if (&from == target) return true;
  const std::size_t length = path.size();
  if (const auto* array = std::get_if<JsonNode::Array>(&from.value)) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      path += concat('[', i, ']');
      if (find_path((*array)[i], target, path)) return true;
      path.resize(length);
    }
  } else if (const auto* object = std::get_if<JsonNode::Object>(&from.value)) {
    for (const auto& member : object->members) {
      append_key(path, member.key);
      if (find_path(member.value, target, path)) return true;
      path.resize(length);
    }
  }
  return false;
}

std::string join(const std::string& source, const std::string& path) {
  if (path.empty()) return source;
  return source.empty() ? path : concat(source, ": ", path);
}

}  // namespace

const std::string* JsonNode::Object::index() {
  by_key.resize(members.size());
  std::iota(by_key.begin(), by_key.end(), 0U);
  const auto key = [this](std::uint32_t i) -> const std::string& { return members[i].key; };
  std::sort(by_key.begin(), by_key.end(), [&](auto a, auto b) { return key(a) < key(b); });
  const auto twice = std::adjacent_find(
      by_key.begin(), by_key.end(), [&](auto a, auto b) { return key(a) == key(b); });
  return twice == by_key.end() ? nullptr : &key(*twice);
}

const JsonNode* JsonNode::Object::find(std::string_view key) const {
  const auto found =
      std::lower_bound(by_key.begin(), by_key.end(), key, [this](std::uint32_t i, auto wanted) {
        return members[i].key < wanted;
      });
  if (found == by_key.end() || members[*found].key != key) return nullptr;
  return &members[*found].value;
}

std::string JsonDocument::where(const JsonNode* node) const {
  std::string path;
  find_path(root, node, path);
  return join(source, path);
}

std::string JsonDocument::where_missing(const JsonNode* node, std::string_view key) const {
  std::string path;
  find_path(root, node, path);
  append_key(path, key);
  return join(source, path);
}

}  // namespace longhaul
