// The methods of Python's list, tuple, range and dict that change nothing.
#include <array>

#include "jinja_attributes.h"
#include "jinja_operators.h"

namespace longhaul::jinja {

namespace {

Value count(const Call& call) {
  const Bound arguments(call, {""}, 1);
  std::int64_t found = 0;
  Iterator* elements = iterate(call.machine, call.input);
  while (const std::optional<Value> next = elements->next(call.machine)) {
    if (equal(call.machine, *next, arguments[0])) ++found;
  }
  return found;
}

Value index(const Call& call) {
  const Bound arguments(call, {""}, 1);
  Iterator* elements = iterate(call.machine, call.input);
  std::int64_t at = 0;
  for (; const std::optional<Value> next = elements->next(call.machine); ++at) {
    if (equal(call.machine, *next, arguments[0])) return at;
  }
  call.machine.refuse("index() does not find the value");
}

Value copy(const Call& call) {
  const Bound none(call, {});
  return call.input;
}

Value get(const Call& call) {
  const Bound arguments(call, {"", ""}, 1);
  if (!is_hashable(arguments[0])) {
    call.machine.refuse("unhashable type: '", type_name(arguments[0].kind()), "'");
  }
  const Value* found = find_member(call.machine, call.input.members(), arguments[0]);
  return found != nullptr ? *found : arguments.value_or(1, {});
}

template <Kind kind>
Value view(const Call& call) {
  const Bound none(call, {});
  return Value::dict(call.input.members(), kind);
}

constexpr std::array<MethodEntry, 3> kSequenceMethods{{
    {"count", count}, {"index", index}, {"copy", copy},  // of lists only, so it stands last
}};

constexpr std::array<MethodEntry, 5> kDictMethods{{
    {"copy", copy},
    {"get", get},
    {"items", view<Kind::kItems>},
    {"keys", view<Kind::kKeys>},
    {"values", view<Kind::kValues>},
}};

}  // namespace

std::span<const MethodEntry> container_methods(Kind kind) {
  switch (kind) {
    case Kind::kList: return kSequenceMethods;
    case Kind::kTuple:
    case Kind::kRange: return std::span(kSequenceMethods).first(2);
    case Kind::kDict: return kDictMethods;
    default: return {};
  }
}

}  // namespace longhaul::jinja
