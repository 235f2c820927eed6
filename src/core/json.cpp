#include "longhaul/core/json.h"

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"

#include "core/json_node.h"

namespace longhaul {
namespace {

std::shared_ptr<const JsonDocument> make_document(JsonNode root, std::string source = {}) {
  return std::make_shared<const JsonDocument>(JsonDocument{std::move(source), std::move(root)});
}

std::string checked_text(std::string text) {
  require(is_utf8(text), "Json: a string is not valid UTF-8");
  return text;
}

}  // namespace

Json::Json(std::shared_ptr<const JsonDocument> document, const JsonNode* node)
    : document_(std::move(document)), node_(node) {}

Json::Json(std::shared_ptr<const JsonDocument> document)
    : document_(std::move(document)), node_(&document_->root) {}

Json::Json() : Json(make_document({})) {}
Json::Json(bool value) : Json(make_document({value})) {}
Json::Json(int value) : Json(static_cast<std::int64_t>(value)) {}
Json::Json(std::int64_t value) : Json(make_document({value})) {}
Json::Json(double value) : Json(make_document({value})) {}
Json::Json(std::string value) : Json(make_document({checked_text(std::move(value))})) {}
Json::Json(std::string_view value) : Json(std::string(value)) {}
Json::Json(const char* value) : Json(std::string(value)) {}

Json Json::make_array(const std::vector<Json>& elements) {
  JsonNode::Array array;
  array.reserve(elements.size());
  for (const Json& element : elements) array.push_back(*element.node_);
  return Json(make_document({std::move(array)}));
}

Json Json::make_object(const Members& members, std::string source) {
  JsonNode::Object object;
  object.members.reserve(members.size());
  for (const auto& [key, value] : members) {
    object.members.push_back({checked_text(key), *value.node_});
  }
  const std::string* twice = object.index();
  require(twice == nullptr, "Json: key \"", twice == nullptr ? "" : *twice, "\" occurs twice");
  return Json(make_document({std::move(object)}, std::move(source)));
}

Json Json::parse(std::string_view text, std::string source, const JsonLimits& limits) {
  if (static_cast<std::int64_t>(text.size()) > limits.bytes) {
    throw FormatError(
        concat(source, ": JSON text has ", text.size(), " bytes, expected at most ", limits.bytes));
  }
  auto document = std::make_shared<JsonDocument>(JsonDocument{std::move(source), {}});
  parse_json(text, limits.depth, *document);
  return Json(std::move(document));
}

template <class T>
const T& Json::get(std::string_view expected) const {
  const auto* value = std::get_if<T>(&node_->value);
  if (value == nullptr) {
    throw FormatError(concat(where(), ": got ", name_of(kind()), ", expected ", expected));
  }
  return *value;
}

Json::Kind Json::kind() const {
  return node_->kind();
}

bool Json::as_bool() const {
  return get<bool>("bool");
}
std::int64_t Json::as_int() const {
  return get<std::int64_t>("integer");
}
double Json::as_double() const {
  return is_int() ? static_cast<double>(as_int()) : get<double>("number");
}
const std::string& Json::as_string() const& {
  return get<std::string>("string");
}
std::string Json::as_string() const&& {
  return get<std::string>("string");
}

std::size_t Json::size() const {
  if (is_object()) return get<JsonNode::Object>("object").members.size();
  return get<JsonNode::Array>("array or object").size();
}

Json Json::at(std::size_t index) const {
  const auto& array = get<JsonNode::Array>("array");
  if (index >= array.size()) {  // not require(): where() walks through the document
    throw InvalidArgument(concat(where(), ": index ", index, " of an array of ", array.size()));
  }
  return {document_, &array[index]};
}

std::vector<Json> Json::elements() const {
  const auto& array = get<JsonNode::Array>("array");
  std::vector<Json> result;
  result.reserve(array.size());
  for (const JsonNode& node : array) result.push_back(Json(document_, &node));
  return result;
}

Json::Members Json::members() const {
  const auto& object = get<JsonNode::Object>("object");
  Members result;
  result.reserve(object.members.size());
  for (const auto& member : object.members) {
    result.emplace_back(member.key, Json(document_, &member.value));
  }
  return result;
}

Json Json::at(std::string_view key) const {
  const JsonNode* member = get<JsonNode::Object>("object").find(key);
  if (member == nullptr) {
    throw FormatError(concat(document_->where_missing(node_, key), ": missing"));
  }
  return {document_, member};
}

bool Json::contains(std::string_view key) const {
  return get<JsonNode::Object>("object").find(key) != nullptr;
}

Json Json::find(std::string_view key) const {
  const JsonNode* member = get<JsonNode::Object>("object").find(key);
  return member == nullptr ? Json() : Json(document_, member);
}

bool Json::bool_or(std::string_view key, bool fallback) const {
  const Json value = find(key);
  return value.is_null() ? fallback : value.as_bool();
}
std::int64_t Json::int_or(std::string_view key, std::int64_t fallback) const {
  const Json value = find(key);
  return value.is_null() ? fallback : value.as_int();
}
double Json::double_or(std::string_view key, double fallback) const {
  const Json value = find(key);
  return value.is_null() ? fallback : value.as_double();
}
std::string Json::string_or(std::string_view key, std::string_view fallback) const {
  const Json value = find(key);
  return value.is_null() ? std::string(fallback) : value.as_string();
}

std::string Json::where() const {
  return document_->where(node_);
}

std::string Json::dump(int indent) const {
  return dump_json(*node_, indent);
}

bool operator==(const Json& a, const Json& b) {
  return *a.node_ == *b.node_;
}

std::string_view name_of(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::kNull: return "null";
    case Json::Kind::kBool: return "bool";
    case Json::Kind::kInt: return "integer";
    case Json::Kind::kFloat: return "number";
    case Json::Kind::kString: return "string";
    case Json::Kind::kArray: return "array";
    case Json::Kind::kObject: return "object";
  }
  return "unknown";
}

}  // namespace longhaul
