#include "jinja_tests.h"

#include <algorithm>
#include <array>

#include "jinja_filters.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_text.h"

namespace longhaul::jinja {

namespace {

template <Kind kind>
bool is_kind(const Call& call) {
  const Bound none(call, {});
  return call.input.kind() == kind;
}

template <bool wanted>
bool is_truth(const Call& call) {
  const Bound none(call, {});
  return call.input.is_bool() && call.input.as_bool() == wanted;
}

template <Comparison op>
bool compares(const Call& call) {
  const Bound arguments(call, {""}, 1);
  return compare(call.machine, op, call.input, arguments[0]);
}

// input % divisor == remainder
bool leaves(const Call& call, const Value& divisor, std::int64_t remainder) {
  return equal(
      call.machine, binary(call.machine, BinaryOperator::kModulo, call.input, divisor), remainder);
}

template <std::int64_t remainder>
bool has_parity(const Call& call) {
  const Bound none(call, {});
  return leaves(call, 2, remainder);
}

bool divides(const Call& call) {
  return leaves(call, Bound(call, {"num"}, 1)[0], 0);
}

bool is_defined(const Call& call) {
  const Bound none(call, {});
  return !call.input.is_undefined();
}

bool is_number(const Call& call) {
  const Bound none(call, {});
  return call.input.is_number();
}

bool is_iterable_value(const Call& call) {
  const Bound none(call, {});
  return is_iterable(call.input);
}

// What has a length and can be indexed; Python's undefined can.
bool is_sequence(const Call& call) {
  const Bound none(call, {});
  switch (call.input.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange: return true;
    default: return false;
  }
}

bool is_callable(const Call& call) {
  const Bound none(call, {});
  if (call.input.is_undefined()) return true;  // Jinja's Undefined has __call__, to complain
  return call.input.is_object() && call.input.object()->is_callable();
}

bool is_escaped(const Call& call) {
  const Bound none(call, {});
  return call.input.is_markup();
}

template <bool (*holds)(std::string_view)>
bool has_case(const Call& call) {
  const Bound none(call, {});
  return holds(text_of(call.machine, call.input));
}

bool is_filter(const Call& call) {
  const Bound none(call, {});
  return call.input.is_string() && find_filter(call.input.text()) != nullptr;
}

bool is_test(const Call& call) {
  const Bound none(call, {});
  return call.input.is_string() && find_test(call.input.text()) != nullptr;
}

// Identity, where it does not depend on how Python keeps its values.
bool is_same(const Call& call) {
  const Value other = Bound(call, {"other"}, 1)[0];
  if (call.input.kind() != other.kind()) return false;
  if (call.input.is_none()) return true;
  if (call.input.is_bool()) return call.input.as_bool() == other.as_bool();
  if (call.input.is_object()) return call.input.object() == other.object();
  call.machine.refuse_construct("sameas for anything but none, booleans and objects");
}

constexpr std::array<TestEntry, 39> kTests{{
    {"!=", compares<Comparison::kNotEqual>},
    {"<", compares<Comparison::kLess>},
    {"<=", compares<Comparison::kLessEqual>},
    {"==", compares<Comparison::kEqual>},
    {">", compares<Comparison::kGreater>},
    {">=", compares<Comparison::kGreaterEqual>},
    {"boolean", is_kind<Kind::kBool>},
    {"callable", is_callable},
    {"defined", is_defined},
    {"divisibleby", divides},
    {"eq", compares<Comparison::kEqual>},
    {"equalto", compares<Comparison::kEqual>},
    {"escaped", is_escaped},
    {"even", has_parity<0>},
    {"false", is_truth<false>},
    {"filter", is_filter},
    {"float", is_kind<Kind::kFloat>},
    {"ge", compares<Comparison::kGreaterEqual>},
    {"greaterthan", compares<Comparison::kGreater>},
    {"gt", compares<Comparison::kGreater>},
    {"in", compares<Comparison::kIn>},
    {"integer", is_kind<Kind::kInt>},
    {"iterable", is_iterable_value},
    {"le", compares<Comparison::kLessEqual>},
    {"lessthan", compares<Comparison::kLess>},
    {"lower", has_case<is_lower>},
    {"lt", compares<Comparison::kLess>},
    {"mapping", is_kind<Kind::kDict>},
    {"ne", compares<Comparison::kNotEqual>},
    {"none", is_kind<Kind::kNone>},
    {"number", is_number},
    {"odd", has_parity<1>},
    {"sameas", is_same},
    {"sequence", is_sequence},
    {"string", is_kind<Kind::kString>},
    {"test", is_test},
    {"true", is_truth<true>},
    {"undefined", is_kind<Kind::kUndefined>},
    {"upper", has_case<is_upper>},
}};

}  // namespace

const TestEntry* find_test(std::string_view name) {
  const auto* const found = std::find_if(
      kTests.begin(), kTests.end(), [&](const TestEntry& entry) { return entry.name == name; });
  return found == kTests.end() ? nullptr : found;
}

}  // namespace longhaul::jinja
