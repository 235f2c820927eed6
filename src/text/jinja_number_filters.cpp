// Filters whose result is a number.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <system_error>

#include "jinja_filters.h"
#include "jinja_operators.h"
#include "jinja_text.h"

namespace longhaul::jinja {

namespace {

// Digits without the underscores that Python allows between them; nothing where one stands
// elsewhere.
std::optional<std::string> plain_digits(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
      continue;
    }
    const bool is_between = i > 0 && i + 1 < text.size() &&
                            is_alphanumeric(text.substr(i - 1, 1)) &&
                            is_alphanumeric(text.substr(i + 1, 1));
    if (!is_between) return std::nullopt;
  }
  return plain;
}

// int(text, base); nothing where Python raises ValueError.
std::optional<std::int64_t> parse_integer(const Machine& machine,
                                          std::string_view text,
                                          std::int64_t base) {
  std::string_view rest = strip(text, Side::kBoth);
  const bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.size() > 2 && rest[0] == '0') {
    const char letter = static_cast<char>(rest[1] | 0x20);
    const bool has_prefix = (base == 16 && letter == 'x') || (base == 8 && letter == 'o') ||
                            (base == 2 && letter == 'b');
    if (has_prefix) rest.remove_prefix(rest[2] == '_' ? 3 : 2);
  }
  const std::optional<std::string> digits = plain_digits(rest);
  if (!digits.has_value() || digits->empty() || digits->front() == '-') return std::nullopt;
  const std::string signed_digits = (is_negative ? "-" : "") + *digits;
  std::int64_t value = 0;
  const char* const end = signed_digits.data() + signed_digits.size();
  const auto result = std::from_chars(signed_digits.data(), end, value, static_cast<int>(base));
  if (result.ec == std::errc::result_out_of_range && result.ptr == end) {
    machine.refuse("an integer needs more than 64 bits");
  }
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

// float(text); nothing where Python raises ValueError.
std::optional<double> parse_float(std::string_view text) {
  std::string_view rest = strip(text, Side::kBoth);
  const bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  const std::optional<std::string> digits = plain_digits(rest);
  if (!digits.has_value() || digits->empty()) return std::nullopt;
  const char first = digits->front();
  if (first == '-' || first == '+') return std::nullopt;
  if (digits->find('(') != std::string::npos) return std::nullopt;  // from_chars takes nan(...)
  double value = 0;
  const char* const end = digits->data() + digits->size();
  const auto result = std::from_chars(digits->data(), end, value);
  if (result.ptr != end) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) value = std::strtod(digits->c_str(), nullptr);
  return is_negative ? -value : value;
}

std::optional<std::int64_t> truncated(const Machine& machine, double value) {
  if (std::isnan(value)) return std::nullopt;
  if (std::isinf(value)) machine.refuse("infinity has no integer");
  if (std::abs(value) >= 9223372036854775808.0) {
    machine.refuse("an integer needs more than 64 bits");
  }
  return static_cast<std::int64_t>(value);
}

Value to_integer(const Call& call) {
  const Bound arguments(call, {"default", "base"});
  const Value fallback = arguments.value_or(0, 0);
  const std::int64_t base = arguments.integer_or(1, 10);
  if (call.input.is_undefined()) call.machine.refuse_undefined(call.input);
  if (call.input.is_integral()) return call.input.as_int();
  std::optional<double> number;
  if (call.input.kind() == Kind::kFloat) {
    number = call.input.as_double();
  } else if (call.input.is_string()) {
    if (base < 2 || base > 36) call.machine.refuse_construct(concat("int with base ", base));
    call.machine.charge(call.input.text().size());
    const auto integer = parse_integer(call.machine, call.input.text(), base);
    if (integer.has_value()) return *integer;
    number = parse_float(call.input.text());
    if (number.has_value() && std::isinf(*number)) return fallback;
  }
  if (!number.has_value()) return fallback;
  const std::optional<std::int64_t> integer = truncated(call.machine, *number);
  return integer.has_value() ? Value(*integer) : fallback;
}

Value to_float(const Call& call) {
  const Bound arguments(call, {"default"});
  const Value fallback = arguments.value_or(0, 0.0);
  if (call.input.is_undefined()) call.machine.refuse_undefined(call.input);
  if (call.input.is_number()) return call.input.as_double();
  if (!call.input.is_string()) return fallback;
  call.machine.charge(call.input.text().size());
  const std::optional<double> number = parse_float(call.input.text());
  return number.has_value() ? Value(*number) : fallback;
}

double rounded(double value, std::int64_t precision) {
  // printf rounds the exact decimal expansion half to even, as Python does.
  std::array<char, 700> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(precision), value);
  return std::strtod(buffer.data(), nullptr);
}

Value round_filter(const Call& call) {
  const Bound arguments(call, {"precision", "method"});
  const std::int64_t precision = arguments.integer_or(0, 0);
  const std::string_view method = arguments.string_or(1, "common");
  const Value& input = call.input;
  if (method != "common" && method != "ceil" && method != "floor") {
    call.machine.refuse("round: the method is common, ceil or floor, not ", method);
  }
  if (input.is_undefined()) call.machine.refuse_undefined(input);
  if (!input.is_number()) {
    call.machine.refuse("round needs a number, got '", type_name(input.kind()), "'");
  }
  if (precision < 0 || precision > 300) {
    call.machine.refuse_construct(concat("round with precision ", precision));
  }
  const double value = input.as_double();
  if (method == "common") {
    if (input.is_integral()) return input.as_int();
    return std::isfinite(value) ? rounded(value, precision) : value;
  }
  if (!std::isfinite(value)) call.machine.refuse("round: ", method, " needs a finite number");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  return (method == "ceil" ? std::ceil(value * scale) : std::floor(value * scale)) / scale;
}

Value absolute(const Call& call) {
  const Bound none(call, {});
  if (call.input.kind() == Kind::kFloat) return std::abs(call.input.as_double());
  if (call.input.is_undefined()) call.machine.refuse_undefined(call.input);
  if (!call.input.is_integral()) {
    call.machine.refuse("abs needs a number, got '", type_name(call.input.kind()), "'");
  }
  return call.input.as_int() < 0 ? unary(call.machine, UnaryOperator::kNegative, call.input)
                                 : Value(call.input.as_int());
}

Value length_filter(const Call& call) {
  const Bound none(call, {});
  const std::optional<std::int64_t> size = length(call.machine, call.input);
  if (!size.has_value()) {
    call.machine.refuse("object of type '", type_name(call.input.kind()), "' has no length");
  }
  return *size;
}

constexpr std::array<FilterEntry, 6> kFilters{{
    {"abs", absolute},
    {"count", length_filter},
    {"float", to_float},
    {"int", to_integer},
    {"length", length_filter},
    {"round", round_filter},
}};

}  // namespace

std::span<const FilterEntry> number_filters() {
  return kFilters;
}

}  // namespace longhaul::jinja
