#include "jinja_operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "jinja_format.h"
#include "jinja_print.h"
#include "jinja_text.h"

namespace longhaul::jinja {

namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

[[noreturn]] void refuse_overflow(const Machine& machine) {
  machine.refuse("an integer needs more than 64 bits");
}

[[noreturn]] void refuse_operands(const Machine& machine,
                                  std::string_view symbol,
                                  const Value& a,
                                  const Value& b) {
  if (a.is_undefined()) machine.refuse_undefined(a);
  if (b.is_undefined()) machine.refuse_undefined(b);
  machine.refuse("'",
                 symbol,
                 "' is not possible between '",
                 type_name(a.kind()),
                 "' and '",
                 type_name(b.kind()),
                 "'");
}

std::partial_ordering order_mixed(std::int64_t integer, double number) {
  if (std::isnan(number)) return std::partial_ordering::unordered;
  if (number >= kTwoTo63) return std::partial_ordering::less;
  if (number < -kTwoTo63) return std::partial_ordering::greater;
  const double whole = std::trunc(number);
  const auto truncated = static_cast<std::int64_t>(whole);
  if (integer != truncated) return integer <=> truncated;
  return whole <=> number;
}

std::partial_ordering order_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_int() <=> b.as_int();
  if (a.is_integral()) return order_mixed(a.as_int(), b.as_double());
  if (b.is_integral()) {
    const std::partial_ordering reversed = order_mixed(b.as_int(), a.as_double());
    return 0 <=> reversed;
  }
  return a.as_double() <=> b.as_double();
}

bool equal_members(Machine& machine, std::span<const Member> a, std::span<const Member> b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const Member& member) {
    const Value* other = find_member(machine, b, member.key);
    return other != nullptr && equal(machine, member.value, *other);
  });
}

bool equal_elements(Machine& machine, std::span<const Value> a, std::span<const Value> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const Value& x, const Value& y) {
    return equal(machine, x, y);
  });
}

bool equal_ranges(const Range& a, const Range& b) {
  if (a.size != b.size) return false;
  return a.size == 0 || (a.start == b.start && (a.size == 1 || a.step == b.step));
}

Value add(Machine& machine, const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    std::string text;
    const bool is_markup = a.is_markup() || b.is_markup();
    for (const Value& part : {a, b}) {
      text += is_markup && !part.is_markup() ? escaped(part.text()) : std::string(part.text());
    }
    const std::string_view kept = machine.copy(text);
    return is_markup ? Value::markup(kept) : Value(kept);
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    std::vector<Value> elements;
    machine.charge((a.elements().size() + b.elements().size()) * sizeof(Value));
    for (const Value& part : {a, b}) {
      elements.insert(elements.end(), part.elements().begin(), part.elements().end());
    }
    return a.kind() == Kind::kList ? machine.list(elements) : machine.tuple(elements);
  }
  refuse_operands(machine, "+", a, b);
}

// What to repeat is a string or a list.
Value repeat(Machine& machine, const Value& what, std::int64_t times) {
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
  const std::size_t size = what.is_string() ? what.text().size() : what.elements().size();
  if (size == 0 || count == 0) return what.is_string() ? Value("") : slice(machine, what, 0, 0, {});
  if (count > (std::size_t{1} << 40) / size) machine.charge(std::size_t{1} << 41);
  if (what.is_string()) {
    machine.charge(size * count);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += what.text();
    return machine.text(text);
  }
  machine.charge(size * count * sizeof(Value));
  std::vector<Value> elements;
  for (std::size_t i = 0; i < count; ++i) {
    elements.insert(elements.end(), what.elements().begin(), what.elements().end());
  }
  return what.kind() == Kind::kList ? machine.list(elements) : machine.tuple(elements);
}

std::int64_t floor_divide(const Machine& machine, std::int64_t a, std::int64_t b) {
  if (b == 0) machine.refuse("integer division or modulo by zero");
  if (b == -1 && a == std::numeric_limits<std::int64_t>::min()) refuse_overflow(machine);
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t modulo(const Machine& machine, std::int64_t a, std::int64_t b) {
  if (b == 0) machine.refuse("integer division or modulo by zero");
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

// The remainder has the divisor's sign, the quotient is a whole number.
struct FloatDivision {
  double quotient;
  double remainder;
};

FloatDivision divide_floats(const Machine& machine, double a, double b) {
  if (b == 0) machine.refuse("float division or modulo by zero");
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) {
      remainder += b;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (quotient == 0) return {std::copysign(0.0, a / b), remainder};
  const double whole = std::floor(quotient);
  return {quotient - whole > 0.5 ? whole + 1 : whole, remainder};
}

Value power_of_integers(const Machine& machine, std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) machine.refuse("0 cannot be raised to a negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  std::int64_t result = 1;
  // |base| >= 2 overflows within 64 steps.
  if (base == 0 || base == 1) return exponent == 0 ? std::int64_t{1} : base;
  if (base == -1) return std::int64_t{exponent % 2 == 0 ? 1 : -1};
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) refuse_overflow(machine);
  }
  return result;
}

Value power_of_floats(const Machine& machine, double base, double exponent) {
  if (base == 0 && exponent < 0) machine.refuse("0.0 cannot be raised to a negative power");
  const double result = std::pow(base, exponent);
  if (std::isnan(result) && !std::isnan(base) && !std::isnan(exponent)) {
    machine.refuse_construct("a complex number");
  }
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) {
    machine.refuse("the result of ** is too large");
  }
  return result;
}

Value integer_arithmetic(const Machine& machine,
                         BinaryOperator op,
                         std::int64_t a,
                         std::int64_t b) {
  std::int64_t result = 0;
  bool overflows = false;
  switch (op) {
    case BinaryOperator::kAdd: overflows = __builtin_add_overflow(a, b, &result); break;
    case BinaryOperator::kSubtract: overflows = __builtin_sub_overflow(a, b, &result); break;
    case BinaryOperator::kMultiply: overflows = __builtin_mul_overflow(a, b, &result); break;
    case BinaryOperator::kDivide:
      if (b == 0) machine.refuse("division by zero");
      return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
    case BinaryOperator::kFloorDivide: return floor_divide(machine, a, b);
    case BinaryOperator::kModulo: return modulo(machine, a, b);
    case BinaryOperator::kPower: return power_of_integers(machine, a, b);
  }
  if (overflows) refuse_overflow(machine);
  return result;
}

Value float_arithmetic(const Machine& machine, BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd: return a + b;
    case BinaryOperator::kSubtract: return a - b;
    case BinaryOperator::kMultiply: return a * b;
    case BinaryOperator::kDivide:
      if (b == 0) machine.refuse("float division by zero");
      return a / b;
    case BinaryOperator::kFloorDivide: return divide_floats(machine, a, b).quotient;
    case BinaryOperator::kModulo: return divide_floats(machine, a, b).remainder;
    case BinaryOperator::kPower: break;
  }
  return power_of_floats(machine, a, b);
}

std::string_view symbol_of(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::kAdd: return "+";
    case BinaryOperator::kSubtract: return "-";
    case BinaryOperator::kMultiply: return "*";
    case BinaryOperator::kDivide: return "/";
    case BinaryOperator::kFloorDivide: return "//";
    case BinaryOperator::kModulo: return "%";
    case BinaryOperator::kPower: break;
  }
  return "**";
}

}  // namespace

bool truth(Machine& machine, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone: return false;
    case Kind::kFloat: return value.as_double() != 0;
    case Kind::kBool:
    case Kind::kInt: return value.as_int() != 0;
    case Kind::kString: return !value.text().empty();
    case Kind::kIterator: return true;
    default: return length(machine, value).value_or(1) != 0;
  }
}

bool equal(Machine& machine, const Value& a, const Value& b) {
  machine.charge(1);
  if (a.is_number() && b.is_number()) return order_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  const Nesting nesting(machine);
  switch (a.kind()) {
    case Kind::kString:
      machine.charge(std::min(a.text().size(), b.text().size()) / 16);
      return a.text() == b.text();
    case Kind::kList:
    case Kind::kTuple: return equal_elements(machine, a.elements(), b.elements());
    case Kind::kDict:
    case Kind::kItems: return equal_members(machine, a.members(), b.members());
    case Kind::kKeys:
      return a.members().size() == b.members().size() &&
             std::all_of(a.members().begin(), a.members().end(), [&](const Member& member) {
               return find_member(machine, b.members(), member.key) != nullptr;
             });
    case Kind::kRange: return equal_ranges(a.range(), b.range());
    case Kind::kValues: return false;
    case Kind::kIterator: return a.iterator() == b.iterator();
    case Kind::kObject: return a.object() == b.object();
    default: return true;  // undefined, none
  }
}

std::partial_ordering order(Machine& machine,
                            const Value& a,
                            const Value& b,
                            std::string_view symbol) {
  machine.charge(1);
  if (a.is_number() && b.is_number()) return order_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    machine.charge(std::min(a.text().size(), b.text().size()) / 16);
    return a.text() <=> b.text();  // UTF-8 sorts like code points
  }
  if (!a.is_sequence() || a.kind() != b.kind()) refuse_operands(machine, symbol, a, b);
  const Nesting nesting(machine);
  const std::span<const Value> left = a.elements();
  const std::span<const Value> right = b.elements();
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    if (!equal(machine, left[i], right[i])) return order(machine, left[i], right[i], symbol);
  }
  return left.size() <=> right.size();
}

bool compare(Machine& machine, Comparison op, const Value& a, const Value& b) {
  switch (op) {
    case Comparison::kEqual: return equal(machine, a, b);
    case Comparison::kNotEqual: return !equal(machine, a, b);
    case Comparison::kLess: return order(machine, a, b, "<") < 0;
    case Comparison::kLessEqual: return order(machine, a, b, "<=") <= 0;
    case Comparison::kGreater: return order(machine, a, b, ">") > 0;
    case Comparison::kGreaterEqual: return order(machine, a, b, ">=") >= 0;
    case Comparison::kIn: return contains(machine, b, a);
    case Comparison::kNotIn: break;
  }
  return !contains(machine, b, a);
}

bool contains(Machine& machine, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      machine.refuse(
          "'in' a string needs a string on its left, not '", type_name(item.kind()), "'");
    }
    machine.charge_search(container.text(), item.text());
    return container.text().find(item.text()) != std::string_view::npos;
  }
  if (container.is_dict() || container.kind() == Kind::kKeys) {
    if (!is_hashable(item)) machine.refuse("unhashable type: '", type_name(item.kind()), "'");
    return find_member(machine, container.members(), item) != nullptr;
  }
  Iterator* elements = iterate(machine, container);
  while (const std::optional<Value> other = elements->next(machine)) {
    if (equal(machine, *other, item)) return true;
  }
  return false;
}

bool is_hashable(const Value& value) {
  switch (value.kind()) {
    case Kind::kList:
    case Kind::kDict:
    case Kind::kKeys:
    case Kind::kItems: return false;
    case Kind::kTuple: {
      const std::span<const Value> elements = value.elements();
      return std::all_of(elements.begin(), elements.end(), is_hashable);
    }
    default: return true;
  }
}

const Value* find_member(Machine& machine, std::span<const Member> members, const Value& key) {
  machine.charge(1 + members.size() / 8);
  for (const Member& member : members) {
    // Most keys are strings; the general comparison is for the others.
    const bool found = member.key.is_string() && key.is_string() ? member.key.text() == key.text()
                                                                 : equal(machine, member.key, key);
    if (found) return &member.value;
  }
  return nullptr;
}

void set_member(Machine& machine,
                std::vector<Member>& members,
                const Value& key,
                const Value& value) {
  if (!is_hashable(key)) machine.refuse("unhashable type: '", type_name(key.kind()), "'");
  const Value* found = find_member(machine, members, key);
  if (found == nullptr) {
    machine.charge(sizeof(Member));
    members.push_back({key, value});
    return;
  }
  for (Member& member : members) {
    if (&member.value == found) member.value = value;
  }
}

Value binary(Machine& machine, BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) {
    return integer_arithmetic(machine, op, a.as_int(), b.as_int());
  }
  if (a.is_number() && b.is_number()) {
    return float_arithmetic(machine, op, a.as_double(), b.as_double());
  }
  if (op == BinaryOperator::kAdd) return add(machine, a, b);
  if (op == BinaryOperator::kModulo && a.is_string()) return format_percent(machine, a, b);
  if (op == BinaryOperator::kMultiply) {
    const auto is_repeatable = [](const Value& value) {
      return (value.is_string() && !value.is_markup()) || value.is_sequence();
    };
    if (is_repeatable(a) && b.is_integral()) return repeat(machine, a, b.as_int());
    if (is_repeatable(b) && a.is_integral()) return repeat(machine, b, a.as_int());
  }
  refuse_operands(machine, symbol_of(op), a, b);
}

Value unary(Machine& machine, UnaryOperator op, const Value& value) {
  if (op == UnaryOperator::kNot) return !truth(machine, value);
  const bool negates = op == UnaryOperator::kNegative;
  if (value.kind() == Kind::kFloat) return negates ? -value.as_double() : value.as_double();
  if (value.is_integral()) {
    return negates ? integer_arithmetic(machine, BinaryOperator::kSubtract, 0, value.as_int())
                   : Value(value.as_int());
  }
  if (value.is_undefined()) machine.refuse_undefined(value);
  machine.refuse(
      "'", negates ? "-" : "+", "' is not possible before '", type_name(value.kind()), "'");
}

std::optional<std::int64_t> length(Machine& machine, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 0;
    case Kind::kString:
      machine.charge(value.text().size() / 16);
      return count_characters(value.text());
    case Kind::kList:
    case Kind::kTuple: return static_cast<std::int64_t>(value.elements().size());
    case Kind::kDict:
    case Kind::kKeys:
    case Kind::kValues:
    case Kind::kItems: return static_cast<std::int64_t>(value.members().size());
    case Kind::kRange: return value.range().size;
    case Kind::kObject: return value.object()->length(machine);
    default: return std::nullopt;
  }
}

std::optional<Value> element(Machine& machine, const Value& object, std::int64_t index) {
  const bool has_places =
      object.is_string() || object.is_sequence() || object.kind() == Kind::kRange;
  if (!has_places) return std::nullopt;
  const std::optional<std::int64_t> size = length(machine, object);
  if (index < 0) index += *size;
  if (index < 0 || index >= *size) return std::nullopt;
  if (object.is_string()) return Value(characters_between(object.text(), index, index + 1));
  if (object.kind() == Kind::kRange) return Value(object.range()[index]);
  return object.elements()[static_cast<std::size_t>(index)];
}

}  // namespace longhaul::jinja
