#include "jinja_machine.h"

#include <algorithm>

#include "jinja_text.h"

namespace longhaul::jinja {

std::tm local_time() {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  return local;
}

std::string_view type_name(Kind kind) {
  switch (kind) {
    case Kind::kUndefined: return "Undefined";
    case Kind::kNone: return "NoneType";
    case Kind::kBool: return "bool";
    case Kind::kInt: return "int";
    case Kind::kFloat: return "float";
    case Kind::kString: return "str";
    case Kind::kList: return "list";
    case Kind::kTuple: return "tuple";
    case Kind::kDict: return "dict";
    case Kind::kKeys: return "dict_keys";
    case Kind::kValues: return "dict_values";
    case Kind::kItems: return "dict_items";
    case Kind::kRange: return "range";
    case Kind::kIterator: return "generator";
    case Kind::kObject: break;
  }
  return "object";
}

Value Object::call(Machine& machine, const Arguments& /*arguments*/) {
  machine.refuse("this object is not callable");
}

bool Object::assign(Machine& /*machine*/, std::string_view /*name*/, Value /*value*/) {
  return false;
}

std::optional<std::int64_t> Object::length(Machine& /*machine*/) {
  return std::nullopt;
}

std::string_view Machine::copy(std::string_view text) {
  const std::span<char> bytes = copy_all(std::span<const char>(text));
  return {bytes.data(), bytes.size()};
}

Value Machine::replaced(std::string_view text,
                        std::string_view from,
                        std::string_view to,
                        std::int64_t limit) {
  charge_search(text, from);
  std::int64_t times = count_occurrences(text, from);
  if (limit >= 0) times = std::min(times, limit);
  // Before the text is made: its size may be the product of two that were paid for.
  for (std::int64_t i = 0; i < times; ++i) charge(to.size());
  return this->text(replace(text, from, to, limit));
}

std::string Machine::place() const {
  return concat(template_name_, ", line ", line_, ": ");
}

void Machine::refuse_construct(std::string_view what) const {
  throw FormatError(concat(place(), what, " is not supported in chat templates"));
}

void Machine::refuse_for_work() const {
  refuse("the template does more work than its limit allows");
}

void Machine::refuse_for_depth() const {
  refuse("calls or values are nested deeper than ", kMaxDepth, " levels");
}

void Machine::refuse_undefined(const Value& value) const {
  const Missing* why = value.missing();
  if (why == nullptr) refuse("an undefined value is used");
  const auto owner = [&] {
    return why->owner == Kind::kNone ? std::string("None")
                                     : concat(type_name(why->owner), " object");
  };
  switch (why->what) {
    case Missing::What::kName: refuse("'", why->name, "' is undefined");
    case Missing::What::kAttribute: refuse("'", owner(), "' has no attribute '", why->name, "'");
    case Missing::What::kElement: refuse(owner(), " has no element ", why->name);
    case Missing::What::kUnsafe:
      refuse("access to attribute '",
             why->name,
             "' of '",
             type_name(why->owner),
             "' object is unsafe");
    case Missing::What::kMessage: break;
  }
  refuse(why->name);
}

}  // namespace longhaul::jinja
