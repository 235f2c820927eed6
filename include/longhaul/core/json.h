// JSON as an immutable value that knows where it came from: every accessor that does not find what
// it was asked for throws FormatError with the source and the path, as in
// `config.json: rope_scaling.factor: got string, expected number`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longhaul {

// Bounds on what parse() accepts, checked before or while memory is taken.
struct JsonLimits {
  int depth = 128;                   // nested arrays and objects
  std::int64_t bytes = 256LL << 20;  // length of the text
};

struct JsonDocument;
struct JsonNode;

// A handle to one value of a document. Copies are cheap and share the document, which lives as long
// as any handle to it; since nothing changes after construction, handles may be read from any
// thread.
class Json {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kFloat, kString, kArray, kObject };
  using Members = std::vector<std::pair<std::string, Json>>;

  // Builds null, or one scalar. A string must be valid UTF-8, else InvalidArgument.
  Json();
  Json(bool value);              // NOLINT(google-explicit-constructor): literals in objects
  Json(int value);               // NOLINT(google-explicit-constructor)
  Json(std::int64_t value);      // NOLINT(google-explicit-constructor)
  Json(double value);            // NOLINT(google-explicit-constructor)
  Json(std::string value);       // NOLINT(google-explicit-constructor)
  Json(std::string_view value);  // NOLINT(google-explicit-constructor)
  Json(const char* value);       // NOLINT(google-explicit-constructor)

  // Copies the values into a new document; `source` takes the place of a file's name in messages.
  // Keys must be distinct, else InvalidArgument.
  static Json make_array(const std::vector<Json>& elements);
  static Json make_object(const Members& members, std::string source = {});

  // Strict RFC 8259: one value, valid UTF-8, no comments, no NaN. A repeated key is an error,
  // because readers disagree on which one counts. Integers that int64 cannot hold become kFloat.
  // Throws FormatError that names `source` (a file's name) and line and column.
  static Json parse(std::string_view text, std::string source, const JsonLimits& limits = {});

  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_int() const { return kind() == Kind::kInt; }
  bool is_number() const { return kind() == Kind::kInt || kind() == Kind::kFloat; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_array() const { return kind() == Kind::kArray; }
  bool is_object() const { return kind() == Kind::kObject; }

  // The value itself; FormatError when it has another kind.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_double() const;               // kInt or kFloat
  const std::string& as_string() const&;  // lives as long as the document
  std::string as_string() const&&;

  // Elements of an array or members of an object; FormatError for any other kind.
  std::size_t size() const;
  // The element of an array; InvalidArgument when out of range.
  Json at(std::size_t index) const;
  std::vector<Json> elements() const;
  // Members in the order of the text.
  Members members() const;

  // The member of an object: FormatError when it is missing. O(log n).
  Json at(std::string_view key) const;
  bool as_bool(std::string_view key) const { return at(key).as_bool(); }
  std::int64_t as_int(std::string_view key) const { return at(key).as_int(); }
  double as_double(std::string_view key) const { return at(key).as_double(); }
  std::string as_string(std::string_view key) const { return at(key).as_string(); }

  // True when the object has this member, be it null.
  bool contains(std::string_view key) const;
  // The member, or null when it is missing: the published configurations write both for "none".
  Json find(std::string_view key) const;
  // The member, or `fallback` when it is missing or null.
  bool bool_or(std::string_view key, bool fallback) const;
  std::int64_t int_or(std::string_view key, std::int64_t fallback) const;
  double double_or(std::string_view key, double fallback) const;
  std::string string_or(std::string_view key, std::string_view fallback) const;

  // "config.json: rope_scaling.factor": where this value stands, for the caller's own messages.
  // Costs a walk through the document.
  std::string where() const;

  // One line without spaces, or one member per line indented by `indent` > 0 spaces. Numbers read
  // back as the same value and kind; NaN and infinities become null. Text other than control
  // characters, quotes and backslashes stays UTF-8.
  std::string dump(int indent = 0) const;

  // Same kind and same content; objects also in the same order.
  friend bool operator==(const Json& a, const Json& b);

 private:
  explicit Json(std::shared_ptr<const JsonDocument> document);
  Json(std::shared_ptr<const JsonDocument> document, const JsonNode* node);

  template <class T>
  const T& get(std::string_view expected) const;

  std::shared_ptr<const JsonDocument> document_;
  const JsonNode* node_;
};

// "null", "bool", "integer", "number", "string", "array", "object".
std::string_view name_of(Json::Kind kind);

}  // namespace longhaul
