// The tree behind Json. A node does not know its document: its path is searched for from the root
// when a message needs it, so that reading costs nothing for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "longhaul/core/json.h"

namespace longhaul {

struct JsonNode {
  struct Member;
  using Array = std::vector<JsonNode>;

  struct Object {
    std::vector<Member> members;
    // Positions of members sorted by key, made when the object is complete.
    std::vector<std::uint32_t> by_key;

    // Makes by_key. Null, or the first key that occurs more than once.
    const std::string* index();
    // Null when there is no such key.
    const JsonNode* find(std::string_view key) const;
    bool operator==(const Object& other) const = default;
  };

  // In the order of Json::Kind.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value;

  Json::Kind kind() const { return static_cast<Json::Kind>(value.index()); }
  bool operator==(const JsonNode& other) const = default;
};

struct JsonNode::Member {
  std::string key;
  JsonNode value;

  bool operator==(const Member& other) const = default;
};

struct JsonDocument {
  std::string source;
  JsonNode root;

  // "config.json: rope_scaling.factor"
  std::string where(const JsonNode* node) const;
  // The place where the object `node` would have this key.
  std::string where_missing(const JsonNode* node, std::string_view key) const;
};

// See Json::parse and Json::dump.
void parse_json(std::string_view text, int depth_limit, JsonDocument& document);
std::string dump_json(const JsonNode& node, int indent);

}  // namespace longhaul
