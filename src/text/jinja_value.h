// Values of a running chat template: Python's, as far as templates see them. They are small handles
// into the memory of a Machine, into the template or into the caller's JSON, and live as long as
// these; nothing they refer to changes, except behind Object and Iterator.
//
// Everything of the interpreter stands in longhaul::jinja, because its words (Value, Token, Scope,
// Name) are too plain for the library's own namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace longhaul::jinja {

class Machine;
class Value;
struct Arguments;
struct Member;
struct Range;
struct Missing;

enum class Kind : std::uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kKeys,    // dict.keys()
  kValues,  // dict.values()
  kItems,   // dict.items()
  kRange,
  kIterator,  // generators and reversed(): can be walked once
  kObject,
};

// What can be walked once. Lives in a machine's memory and is never destroyed.
class Iterator {
 public:
  // The next element, or nothing at the end.
  virtual std::optional<Value> next(Machine& machine) = 0;

 protected:
  ~Iterator() = default;
};

// What has behaviour: macros, functions, methods, namespaces, `loop`. Lives in a machine's memory
// and is never destroyed.
class Object {
 public:
  // What Python's repr() gives; nothing where it shows an address.
  virtual std::optional<std::string_view> representation(Machine& machine) = 0;
  // Python's getattr(); nothing where there is no such attribute.
  virtual std::optional<Value> attribute(Machine& machine, std::string_view name) = 0;
  virtual bool is_callable() const { return false; }
  // Only where is_callable().
  virtual Value call(Machine& machine, const Arguments& arguments);
  // Only a namespace can be assigned to; false elsewhere.
  virtual bool assign(Machine& machine, std::string_view name, Value value);
  // Only `loop` can be walked; nothing elsewhere.
  virtual Iterator* iterator() { return nullptr; }
  virtual std::optional<std::int64_t> length(Machine& machine);

 protected:
  ~Object() = default;
};

class Value {
 public:
  Value() : kind_(Kind::kNone), integer_(0) {}
  Value(bool value) : kind_(Kind::kBool), integer_(value ? 1 : 0) {}     // NOLINT
  Value(int value) : kind_(Kind::kInt), integer_(value) {}               // NOLINT
  Value(std::int64_t value) : kind_(Kind::kInt), integer_(value) {}      // NOLINT
  Value(double value) : kind_(Kind::kFloat), number_(value) {}           // NOLINT
  Value(std::string_view value) : kind_(Kind::kString), text_(value) {}  // NOLINT: valid UTF-8
  Value(const char* value) : Value(std::string_view(value)) {}           // NOLINT
  Value(Iterator* value) : kind_(Kind::kIterator), iterator_(value) {}   // NOLINT
  Value(Object* value) : kind_(Kind::kObject), object_(value) {}         // NOLINT
  Value(const Range* value) : kind_(Kind::kRange), range_(value) {}      // NOLINT
  Value(const void*) = delete;

  // `why` may be null: then the message names nothing.
  static Value undefined(const Missing* why);
  static Value list(std::span<const Value> elements) { return Value(Kind::kList, elements); }
  static Value tuple(std::span<const Value> elements) { return Value(Kind::kTuple, elements); }
  // `kind`: kDict, or one of its views.
  static Value dict(std::span<const Member> members, Kind kind = Kind::kDict);
  // Text that `safe` or `escape` marked: adding to it escapes what is added.
  static Value markup(std::string_view text);

  Kind kind() const { return kind_; }
  bool is_undefined() const { return kind_ == Kind::kUndefined; }
  bool is_none() const { return kind_ == Kind::kNone; }
  bool is_bool() const { return kind_ == Kind::kBool; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_markup() const { return is_markup_; }
  bool is_dict() const { return kind_ == Kind::kDict; }
  bool is_object() const { return kind_ == Kind::kObject; }
  bool is_sequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple; }
  // bool is an int to Python.
  bool is_integral() const { return kind_ == Kind::kInt || kind_ == Kind::kBool; }
  bool is_number() const { return is_integral() || kind_ == Kind::kFloat; }

  // Each only for the kinds that have it.
  bool as_bool() const { return integer_ != 0; }
  std::int64_t as_int() const { return integer_; }  // kInt, kBool
  double as_double() const {
    return kind_ == Kind::kFloat ? number_ : static_cast<double>(integer_);
  }
  std::string_view text() const { return text_; }
  std::span<const Value> elements() const;  // kList, kTuple
  std::span<const Member> members() const;  // kDict and its views
  Iterator* iterator() const { return iterator_; }
  Object* object() const { return object_; }
  const Range& range() const { return *range_; }
  const Missing* missing() const { return missing_; }

 private:
  struct Extent {
    const void* begin;
    std::size_t size;
  };

  Value(Kind kind, std::span<const Value> elements)
      : kind_(kind), extent_{elements.data(), elements.size()} {}

  Kind kind_;
  bool is_markup_ = false;
  union {
    std::int64_t integer_;
    double number_;
    std::string_view text_;
    Extent extent_;
    Iterator* iterator_;
    Object* object_;
    const Range* range_;
    const Missing* missing_;
  };
};

struct Member {
  Value key;
  Value value;
};

// Python's range: start, start + step, ... before `stop`.
struct Range {
  std::int64_t start;
  std::int64_t stop;
  std::int64_t step;  // not 0
  std::int64_t size;

  // For 0 <= index < size; what lies between may wrap around.
  std::int64_t operator[](std::int64_t index) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) +
                                     static_cast<std::uint64_t>(step) *
                                         static_cast<std::uint64_t>(index));
  }
};

// Why a value is undefined; put into words only when somebody asks.
struct Missing {
  enum class What : std::uint8_t {
    kName,       // a variable
    kAttribute,  // of a value of kind `owner`
    kElement,    // of a value of kind `owner`; `name` is the repr of the index
    kUnsafe,     // an attribute that would change a value, or is private
    kMessage,    // `name` is the message
  };

  What what;
  Kind owner = Kind::kNone;
  std::string_view name;
};

struct NamedArgument {
  std::string_view name;
  Value value;
};

struct Arguments {
  std::span<const Value> positional;
  std::span<const NamedArgument> named;
};

// What Python calls the type: "str", "dict", "NoneType".
std::string_view type_name(Kind kind);

inline Value Value::dict(std::span<const Member> members, Kind kind) {
  Value value;
  value.kind_ = kind;
  value.extent_ = {members.data(), members.size()};
  return value;
}

inline Value Value::undefined(const Missing* why) {
  Value value;
  value.kind_ = Kind::kUndefined;
  value.missing_ = why;
  return value;
}

inline Value Value::markup(std::string_view text) {
  Value value(text);
  value.is_markup_ = true;
  return value;
}

inline std::span<const Value> Value::elements() const {
  return {static_cast<const Value*>(extent_.begin), extent_.size};
}

inline std::span<const Member> Value::members() const {
  return {static_cast<const Member*>(extent_.begin), extent_.size};
}

}  // namespace longhaul::jinja
