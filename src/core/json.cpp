#include "longhaul/core/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <variant>

#include <nlohmann/json.hpp>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"

namespace longhaul {

struct Json::Node {
  struct Member;
  struct Object {
    std::vector<Member> members;
    // Positions of members sorted by key, made when the object is complete.
    std::vector<std::uint32_t> by_key;

    // Makes by_key. Null, or the first key that occurs more than once.
    const std::string* index();
    const Node* find(std::string_view key) const;
  };
  using Array = std::vector<Node>;

  // The order of Kind.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value;

  Kind kind() const { return static_cast<Kind>(value.index()); }
};

struct Json::Node::Member {
  std::string key;
  Node value;
};

struct Json::Document {
  std::string source;
  Node root;
};

const std::string* Json::Node::Object::index() {
  by_key.resize(members.size());
  std::iota(by_key.begin(), by_key.end(), 0U);
  const auto key = [this](std::uint32_t i) -> const std::string& { return members[i].key; };
  std::sort(by_key.begin(), by_key.end(), [&](auto a, auto b) { return key(a) < key(b); });
  const auto twice = std::adjacent_find(
      by_key.begin(), by_key.end(), [&](auto a, auto b) { return key(a) == key(b); });
  return twice == by_key.end() ? nullptr : &key(*twice);
}

const Json::Node* Json::Node::Object::find(std::string_view key) const {
  const auto found =
      std::lower_bound(by_key.begin(), by_key.end(), key, [this](std::uint32_t i, auto wanted) {
        return members[i].key < wanted;
      });
  if (found == by_key.end() || members[*found].key != key) return nullptr;
  return &members[*found].value;
}

namespace {

// `path` of a member as it is written in messages: `a.b[3]`, and `a["odd key"]`.
void append_key(std::string& path, const std::string& key) {
  const bool is_plain = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (is_plain) {
    if (!path.empty()) path += '.';
    path += key;
  } else {
    path += "[\"" + key.substr(0, 64) + "\"]";
  }
}

std::string join(const std::string& source, const std::string& path) {
  if (path.empty()) return source;
  return source.empty() ? path : source + ": " + path;
}

// "[json.exception.parse_error.101] parse error at line 1, column 2: what" -> from "line" on.
std::string without_prefix(std::string message) {
  for (const std::string_view mark : {"parse error at ", "] "}) {
    const auto at = message.find(mark);
    if (at != std::string::npos) return message.substr(at + mark.size());
  }
  return message;
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15U];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // The shortest digits that read back as the same value; an exponent where people write one.
  const double size = std::abs(value);
  const bool is_plain = size == 0.0 || (size >= 1e-4 && size < 1e16);
  std::array<char, 32> digits{};
  const auto end =
      std::to_chars(digits.data(),
                    digits.data() + digits.size(),
                    value,
                    is_plain ? std::chars_format::fixed : std::chars_format::scientific)
          .ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_line(std::string& out, int indent, int depth) {
  if (indent <= 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
}

}  // namespace

// The functions that see Node: one place for the walks over a document.
struct Json::Access {
  static std::shared_ptr<const Document> make_document(Node root, std::string source = {}) {
    return std::make_shared<const Document>(Document{std::move(source), std::move(root)});
  }

  static Node text_node(std::string text) {
    require(is_utf8(text), "Json: a string is not valid UTF-8");
    return Node{std::move(text)};
  }

  // Appends the path from `from` to `target`; false when it is not below.
  static bool find_path(const Node& from, const Node* target, std::string& path) {
    if (&from == target) return true;
    const std::size_t length = path.size();
    if (const auto* array = std::get_if<Node::Array>(&from.value)) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        path += concat('[', i, ']');
        if (find_path((*array)[i], target, path)) return true;
        path.resize(length);
      }
    } else if (const auto* object = std::get_if<Node::Object>(&from.value)) {
      for (const auto& member : object->members) {
        append_key(path, member.key);
        if (find_path(member.value, target, path)) return true;
        path.resize(length);
      }
    }
    return false;
  }

  static std::string where(const Document& document, const Node* node) {
    std::string path;
    find_path(document.root, node, path);
    return join(document.source, path);
  }

  template <class T>
  static const T& get(const Json& json, std::string_view expected) {
    const auto* value = std::get_if<T>(&json.node_->value);
    if (value == nullptr) {
      throw FormatError(
          concat(json.where(), ": got ", name_of(json.kind()), ", expected ", expected));
    }
    return *value;
  }

  static bool equal(const Node& a, const Node& b) {
    if (a.kind() != b.kind()) return false;
    if (const auto* array = std::get_if<Node::Array>(&a.value)) {
      const auto& other = std::get<Node::Array>(b.value);
      return std::equal(array->begin(), array->end(), other.begin(), other.end(), equal);
    }
    if (const auto* object = std::get_if<Node::Object>(&a.value)) {
      const auto& other = std::get<Node::Object>(b.value);
      return std::equal(
          object->members.begin(),
          object->members.end(),
          other.members.begin(),
          other.members.end(),
          [](const auto& x, const auto& y) { return x.key == y.key && equal(x.value, y.value); });
    }
    if (const auto* text = std::get_if<std::string>(&a.value)) {
      return *text == std::get<std::string>(b.value);
    }
    if (const auto* number = std::get_if<double>(&a.value)) {
      return *number == std::get<double>(b.value);
    }
    if (const auto* number = std::get_if<std::int64_t>(&a.value)) {
      return *number == std::get<std::int64_t>(b.value);
    }
    const auto* truth = std::get_if<bool>(&a.value);
    return truth == nullptr || *truth == std::get<bool>(b.value);
  }

  // Opens a bracket, writes `count` items on lines of their own, closes it.
  template <class WriteItem>
  static void dump_items(std::string& out,
                         std::string_view brackets,
                         std::size_t count,
                         std::pair<int, int> indent_and_depth,
                         const WriteItem& write_item) {
    const auto [indent, depth] = indent_and_depth;
    out += brackets[0];
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out += ',';
      append_line(out, indent, depth + 1);
      write_item(i);
    }
    if (count > 0) append_line(out, indent, depth);
    out += brackets[1];
  }

  static void dump(const Node& node, std::string& out, int indent, int depth) {
    switch (node.kind()) {
      case Kind::kNull: out += "null"; return;
      case Kind::kBool: out += std::get<bool>(node.value) ? "true" : "false"; return;
      case Kind::kInt: out += std::to_string(std::get<std::int64_t>(node.value)); return;
      case Kind::kFloat: append_double(out, std::get<double>(node.value)); return;
      case Kind::kString: append_escaped(out, std::get<std::string>(node.value)); return;
      case Kind::kArray: {
        const auto& array = std::get<Node::Array>(node.value);
        dump_items(out, "[]", array.size(), {indent, depth}, [&](std::size_t i) {
          dump(array[i], out, indent, depth + 1);
        });
        return;
      }
      case Kind::kObject: {
        const auto& members = std::get<Node::Object>(node.value).members;
        dump_items(out, "{}", members.size(), {indent, depth}, [&](std::size_t i) {
          append_escaped(out, members[i].key);
          out += indent > 0 ? ": " : ":";
          dump(members[i].value, out, indent, depth + 1);
        });
        return;
      }
    }
  }
};

// Receives the parser's events and grows the tree. The innermost open container is the last one of
// `open`: its address is stable, because a parent grows only after its child is closed.
struct Json::Builder {
  using Number = nlohmann::json;

  Document& document;
  int depth_limit;
  std::vector<Node*> open{};
  std::string pending_key{};

  Node* add(Node node) {
    if (open.empty()) {
      document.root = std::move(node);
      return &document.root;
    }
    if (auto* array = std::get_if<Node::Array>(&open.back()->value)) {
      return &array->emplace_back(std::move(node));
    }
    auto& members = std::get<Node::Object>(open.back()->value).members;
    return &members.emplace_back(Node::Member{std::move(pending_key), std::move(node)}).value;
  }

  bool start(Node container) {
    if (static_cast<int>(open.size()) >= depth_limit) {
      throw FormatError(concat(document.source, ": nested deeper than ", depth_limit, " levels"));
    }
    open.push_back(add(std::move(container)));
    return true;
  }

  // The names below are those that nlohmann's parser calls.
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
  bool start_object(std::size_t /*size*/) { return start({Node::Object{}}); }
  bool start_array(std::size_t /*size*/) { return start({Node::Array{}}); }
  bool key(std::string& value) {
    pending_key = std::move(value);
    return true;
  }
  bool end_object() {
    auto& object = std::get<Node::Object>(open.back()->value);
    if (const std::string* twice = object.index(); twice != nullptr) {
      throw FormatError(concat(
          Access::where(document, open.back()), ": key \"", *twice, "\" occurs more than once"));
    }
    open.pop_back();
    return true;
  }
  bool end_array() {
    open.pop_back();
    return true;
  }
  bool parse_error(std::size_t /*position*/,
                   const std::string& /*last_token*/,
                   const nlohmann::detail::exception& error) const {
    throw FormatError(concat(document.source, ": not JSON: ", without_prefix(error.what())));
  }
};

Json::Json(std::shared_ptr<const Document> document, const Node* node)
    : document_(std::move(document)), node_(node != nullptr ? node : &document_->root) {}

Json::Json() : Json(Access::make_document({}), nullptr) {}
Json::Json(bool value) : Json(Access::make_document({value}), nullptr) {}
Json::Json(int value) : Json(static_cast<std::int64_t>(value)) {}
Json::Json(std::int64_t value) : Json(Access::make_document({value}), nullptr) {}
Json::Json(double value) : Json(Access::make_document({value}), nullptr) {}
Json::Json(std::string value)
    : Json(Access::make_document(Access::text_node(std::move(value))), nullptr) {}
Json::Json(std::string_view value) : Json(std::string(value)) {}
Json::Json(const char* value) : Json(std::string(value)) {}

Json Json::make_array(const std::vector<Json>& elements) {
  Node::Array array;
  array.reserve(elements.size());
  for (const Json& element : elements) array.push_back(*element.node_);
  return Json(Access::make_document({std::move(array)}), nullptr);
}

Json Json::make_object(const Members& members, std::string source) {
  Node::Object object;
  object.members.reserve(members.size());
  for (const auto& [key, value] : members) {
    require(is_utf8(key), "Json: a key is not valid UTF-8");
    object.members.push_back({key, *value.node_});
  }
  const std::string* twice = object.index();
  require(twice == nullptr, "Json: key \"", twice == nullptr ? "" : *twice, "\" occurs twice");
  return Json(Access::make_document({std::move(object)}, std::move(source)), nullptr);
}

Json Json::parse(std::string_view text, std::string source, const JsonLimits& limits) {
  if (static_cast<std::int64_t>(text.size()) > limits.bytes) {
    throw FormatError(
        concat(source, ": JSON text has ", text.size(), " bytes, expected at most ", limits.bytes));
  }
  auto document = std::make_shared<Document>(Document{std::move(source), {}});
  Builder builder{*document, limits.depth};
  nlohmann::json::sax_parse(text, &builder);
  return {std::move(document), nullptr};
}

Json::Kind Json::kind() const {
  return node_->kind();
}

bool Json::as_bool() const {
  return Access::get<bool>(*this, "bool");
}
std::int64_t Json::as_int() const {
  return Access::get<std::int64_t>(*this, "integer");
}
double Json::as_double() const {
  if (is_int()) return static_cast<double>(as_int());
  return Access::get<double>(*this, "number");
}
const std::string& Json::as_string() const& {
  return Access::get<std::string>(*this, "string");
}
std::string Json::as_string() const&& {
  return Access::get<std::string>(*this, "string");
}

std::size_t Json::size() const {
  if (is_object()) return std::get<Node::Object>(node_->value).members.size();
  return Access::get<Node::Array>(*this, "array or object").size();
}

Json Json::at(std::size_t index) const {
  const auto& array = Access::get<Node::Array>(*this, "array");
  if (index >= array.size()) {  // where() walks through the document
    throw InvalidArgument(concat(where(), ": index ", index, " of an array of ", array.size()));
  }
  return {document_, &array[index]};
}

std::vector<Json> Json::elements() const {
  std::vector<Json> result;
  for (const Node& node : Access::get<Node::Array>(*this, "array")) {
    result.push_back(Json(document_, &node));
  }
  return result;
}

Json::Members Json::members() const {
  Members result;
  const auto& members = Access::get<Node::Object>(*this, "object").members;
  result.reserve(members.size());
  for (const auto& member : members) {
    result.emplace_back(member.key, Json(document_, &member.value));
  }
  return result;
}

Json Json::at(std::string_view key) const {
  const Node* member = Access::get<Node::Object>(*this, "object").find(key);
  if (member == nullptr) {
    std::string path;
    Access::find_path(document_->root, node_, path);
    append_key(path, std::string(key));
    throw FormatError(concat(join(document_->source, path), ": missing"));
  }
  return {document_, member};
}

bool Json::contains(std::string_view key) const {
  return Access::get<Node::Object>(*this, "object").find(key) != nullptr;
}

Json Json::find(std::string_view key) const {
  return contains(key) ? at(key) : Json();
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
  return Access::where(*document_, node_);
}

std::string Json::dump(int indent) const {
  std::string out;
  Access::dump(*node_, out, indent, 0);
  return out;
}

bool operator==(const Json& a, const Json& b) {
  return Json::Access::equal(*a.node_, *b.node_);
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
