#include "jinja_attributes.h"

#include <algorithm>
#include <array>
#include <span>

#include "jinja_operators.h"
#include "jinja_print.h"

namespace longhaul::jinja {

namespace {

using Names = std::span<const std::string_view>;

// What Python's types have besides the methods of this interpreter.
constexpr std::array<std::string_view, 10> kOtherStringNames{"casefold",
                                                             "encode",
                                                             "expandtabs",
                                                             "format_map",
                                                             "isidentifier",
                                                             "isnumeric",
                                                             "istitle",
                                                             "maketrans",
                                                             "swapcase",
                                                             "translate"};
constexpr std::array<std::string_view, 1> kOtherDictNames{"fromkeys"};
constexpr std::array<std::string_view, 2> kViewNames{"isdisjoint", "mapping"};
constexpr std::array<std::string_view, 3> kRangeNames{"start", "step", "stop"};
constexpr std::array<std::string_view, 12> kNumberNames{"as_integer_ratio",
                                                        "bit_count",
                                                        "bit_length",
                                                        "conjugate",
                                                        "denominator",
                                                        "from_bytes",
                                                        "fromhex",
                                                        "hex",
                                                        "imag",
                                                        "is_integer",
                                                        "numerator",
                                                        "real"};
constexpr std::array<std::string_view, 7> kGeneratorNames{
    "close", "gi_code", "gi_frame", "gi_running", "gi_yieldfrom", "send", "throw"};

// What would change a value: the sandbox hands out an undefined that says so.
constexpr std::array<std::string_view, 8> kListChanges{
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
constexpr std::array<std::string_view, 5> kDictChanges{
    "clear", "pop", "popitem", "setdefault", "update"};

bool has_name(Names names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Names other_names(Kind kind) {
  switch (kind) {
    case Kind::kString: return kOtherStringNames;
    case Kind::kDict: return kOtherDictNames;
    case Kind::kKeys:
    case Kind::kValues:
    case Kind::kItems: return kViewNames;
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat: return kNumberNames;
    case Kind::kRange: return kRangeNames;
    case Kind::kIterator: return kGeneratorNames;
    default: return {};
  }
}

Names changing_names(Kind kind) {
  if (kind == Kind::kList) return kListChanges;
  if (kind == Kind::kDict) return kDictChanges;
  return {};
}

bool is_internal(std::string_view name) {
  return name.size() > 4 && name.starts_with("__") && name.ends_with("__");
}

Value missing_attribute(Machine& machine, const Value& object, std::string_view name) {
  return machine.undefined({Missing::What::kAttribute, object.kind(), name});
}

}  // namespace

std::optional<Value> python_attribute(Machine& machine,
                                      const Value& object,
                                      std::string_view name) {
  const Kind kind = object.kind();
  if (object.is_undefined()) machine.refuse_undefined(object);
  if (is_internal(name) || has_name(changing_names(kind), name)) {
    return machine.undefined({Missing::What::kUnsafe, kind, name});
  }
  if (object.is_object()) return object.object()->attribute(machine, name);
  const std::span<const MethodEntry> methods =
      kind == Kind::kString ? string_methods() : container_methods(kind);
  const auto method = std::find_if(
      methods.begin(), methods.end(), [&](const MethodEntry& entry) { return entry.name == name; });
  if (method != methods.end()) {
    if (object.is_markup()) machine.refuse_construct("a method of escaped text");
    return Value(machine.make<Function>(method->name, method->body, object));
  }
  if (has_name(other_names(kind), name)) {
    machine.refuse_construct(concat("the attribute '", name, "' of '", type_name(kind), "'"));
  }
  return std::nullopt;
}

Value get_attribute(Machine& machine, const Value& object, std::string_view name) {
  if (const std::optional<Value> attribute = python_attribute(machine, object, name)) {
    return *attribute;
  }
  if (object.is_dict()) {
    const Value* member = find_member(machine, object.members(), name);
    if (member != nullptr) return *member;
  }
  return missing_attribute(machine, object, name);
}

Value get_item(Machine& machine, const Value& object, const Value& key) {
  if (object.is_undefined()) machine.refuse_undefined(object);
  if (object.is_dict()) {
    const Value* member = is_hashable(key) ? find_member(machine, object.members(), key) : nullptr;
    if (member != nullptr) return *member;
  } else if (key.is_integral()) {
    if (const std::optional<Value> found = element(machine, object, key.as_int())) return *found;
  }
  if (key.is_string()) {
    if (const auto attribute = python_attribute(machine, object, key.text())) return *attribute;
    return missing_attribute(machine, object, key.text());
  }
  const std::string_view shown = key.is_integral() ? text_of(machine, key) : type_name(key.kind());
  return machine.undefined({Missing::What::kElement, object.kind(), shown});
}

}  // namespace longhaul::jinja
