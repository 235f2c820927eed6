#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "longhaul/core/error.h"

#include "core/json_node.h"

namespace longhaul {
namespace {

// "[json.exception.parse_error.101] parse error at line 1, column 2: what" -> from "line" on.
std::string without_prefix(const std::string& message) {
  for (const std::string_view mark : {"parse error at ", "] "}) {
    const auto at = message.find(mark);
    if (at != std::string::npos) return message.substr(at + mark.size());
  }
  return message;
}

// Receives the parser's events, under the names that it calls, and grows the tree.
class TreeBuilder {
 public:
  using Number = nlohmann::json;

  TreeBuilder(JsonDocument& document, int depth_limit)
      : document_(document), depth_limit_(depth_limit) {}

  bool null() { return add({}) != nullptr; }
  bool boolean(bool value) { return add({value}) != nullptr; }
  bool number_integer(Number::number_integer_t value) { return add({value}) != nullptr; }
  bool number_unsigned(Number::number_unsigned_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return add({static_cast<double>(value)}) != nullptr;
    }
    return add({static_cast<std::int64_t>(value)}) != nullptr;
  }
  bool number_float(double value, const std::string& /*text*/) { return add({value}) != nullptr; }
  bool string(std::string& value) { return add({std::move(value)}) != nullptr; }
  bool binary(Number::binary_t& /*value*/) { return false; }
  bool start_object(std::size_t /*size*/) { return start({JsonNode::Object{}}); }
  bool start_array(std::size_t /*size*/) { return start({JsonNode::Array{}}); }
  bool key(std::string& value) {
    pending_key_ = std::move(value);
    return true;
  }
  bool end_object() {
    auto& object = std::get<JsonNode::Object>(open_.back()->value);
    if (const std::string* twice = object.index(); twice != nullptr) {
      throw FormatError(
          concat(document_.where(open_.back()), ": key \"", *twice, "\" occurs more than once"));
    }
    return end_array();
  }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t /*position*/,
                   const std::string& /*last_token*/,
                   const nlohmann::detail::exception& error) const {
    throw FormatError(concat(document_.source, ": not JSON: ", without_prefix(error.what())));
  }

 private:
  JsonNode* add(JsonNode node) {
    if (open_.empty()) {
      document_.root = std::move(node);
      return &document_.root;
    }
    if (auto* array = std::get_if<JsonNode::Array>(&open_.back()->value)) {
      return &array->emplace_back(std::move(node));
    }
    auto& members = std::get<JsonNode::Object>(open_.back()->value).members;
    return &members.emplace_back(JsonNode::Member{std::move(pending_key_), std::move(node)}).value;
  }

  bool start(JsonNode container) {
    if (static_cast<int>(open_.size()) >= depth_limit_) {
      throw FormatError(concat(document_.source, ": nested deeper than ", depth_limit_, " levels"));
    }
    open_.push_back(add(std::move(container)));
    return true;
  }

  JsonDocument& document_;
  int depth_limit_;
  // The containers not yet closed, innermost last. Their addresses are stable, because a parent
  // grows only after its child is closed.
  std::vector<JsonNode*> open_;
  std::string pending_key_;
};

}  // namespace

void parse_json(std::string_view text, int depth_limit, JsonDocument& document) {
  TreeBuilder builder(document, depth_limit);
  nlohmann::json::sax_parse(text, &builder);
}

}  // namespace longhaul
