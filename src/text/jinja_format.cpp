#include "jinja_format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "jinja_attributes.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_text.h"

namespace longhaul::jinja {

namespace {

// Longer fields are a mistake or an attack.
constexpr std::int64_t kWidestField = 1000;

struct Field {
  bool is_left = false;
  bool has_sign = false;
  bool has_blank = false;
  bool has_zeros = false;
  bool is_alternate = false;
  std::int64_t width = 0;
  std::optional<std::int64_t> precision;
  char conversion = 's';
};

// Walks a pattern of the % operator.
class PercentFormatter {
 public:
  PercentFormatter(Machine& machine, std::string_view pattern, const Value& values)
      : machine_(machine), rest_(pattern), values_(values) {}

  Value run();

 private:
  char take();
  void take_key();
  void take_flags(Field& field);
  std::int64_t take_size();
  const Value& next_value();
  std::string converted(const Field& field, const Value& value);
  std::string integer_text(const Field& field, const Value& value);
  std::string float_digits(const Field& field, const Value& value);
  std::string character(const Value& value);
  static std::string with_sign(const Field& field, const std::string& digits, bool is_negative);
  static std::string padded(const Field& field, std::string text, bool is_number);

  Machine& machine_;
  std::string_view rest_;
  const Value& values_;
  std::optional<Value> keyed_;
  std::size_t used_ = 0;
};

Value PercentFormatter::run() {
  std::string out;
  while (!rest_.empty()) {
    const std::size_t percent = std::min(rest_.find('%'), rest_.size());
    machine_.charge(percent + 1);
    out += rest_.substr(0, percent);
    rest_.remove_prefix(percent);
    if (rest_.empty()) break;
    take();
    keyed_.reset();
    if (rest_.starts_with('(')) take_key();
    Field field;
    take_flags(field);
    field.conversion = take();
    if (field.conversion == '%') {
      out += '%';
      continue;
    }
    const Value value = keyed_.has_value() ? *keyed_ : next_value();
    const bool is_number =
        std::string_view("diufFeEgGxXo").find(field.conversion) != std::string_view::npos;
    const std::string text = padded(field, converted(field, value), is_number);
    machine_.charge(text.size());
    out += text;
  }
  const bool is_single = values_.kind() != Kind::kTuple;
  const std::size_t given = is_single ? 1 : values_.elements().size();
  const bool may_be_left =
      values_.is_dict() || values_.kind() == Kind::kList || values_.is_undefined();
  if (used_ < given && !may_be_left) {
    machine_.refuse("not all arguments are converted by the pattern before '%'");
  }
  return machine_.text(out);
}

char PercentFormatter::take() {
  if (rest_.empty()) machine_.refuse("the pattern before '%' is incomplete");
  const char c = rest_.front();
  rest_.remove_prefix(1);
  return c;
}

void PercentFormatter::take_key() {
  const std::size_t end = rest_.find(')');
  if (end == std::string_view::npos) machine_.refuse("the pattern before '%' is incomplete");
  if (!values_.is_dict()) machine_.refuse("a pattern with names before '%' needs a dict after it");
  const std::string_view key = rest_.substr(1, end - 1);
  const Value* found = find_member(machine_, values_.members(), key);
  if (found == nullptr) {
    machine_.refuse("the pattern before '%' names '", key, "', the dict does not");
  }
  keyed_ = *found;
  rest_.remove_prefix(end + 1);
}

void PercentFormatter::take_flags(Field& field) {
  constexpr std::string_view kFlags = "-+ 0#";
  while (!rest_.empty() && kFlags.find(rest_.front()) != std::string_view::npos) {
    const char flag = take();
    field.is_left |= flag == '-';
    field.has_sign |= flag == '+';
    field.has_blank |= flag == ' ';
    field.has_zeros |= flag == '0';
    field.is_alternate |= flag == '#';
  }
  field.width = take_size();
  if (field.width < 0) {
    field.is_left = true;
    field.width = -field.width;
  }
  if (rest_.starts_with('.')) {
    take();
    field.precision = std::max<std::int64_t>(take_size(), 0);
  }
  if (!rest_.empty() && std::string_view("hlL").find(rest_.front()) != std::string_view::npos) {
    take();
  }
}

std::int64_t PercentFormatter::take_size() {
  std::int64_t size = 0;
  if (rest_.starts_with('*')) {
    take();
    const Value& value = next_value();
    if (!value.is_integral()) machine_.refuse("'*' before '%' needs an integer");
    size = value.as_int();
  }
  while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9' && size <= kWidestField) {
    size = size * 10 + (take() - '0');
  }
  if (size > kWidestField || size < -kWidestField) {
    machine_.refuse("a field wider than ", kWidestField, " characters");
  }
  return size;
}

const Value& PercentFormatter::next_value() {
  if (values_.kind() != Kind::kTuple) {
    if (used_++ == 0) return values_;
  } else if (used_ < values_.elements().size()) {
    return values_.elements()[used_++];
  }
  machine_.refuse("not enough arguments for the pattern before '%'");
}

std::string PercentFormatter::converted(const Field& field, const Value& value) {
  switch (field.conversion) {
    case 's':
    case 'r': {
      const std::string_view text =
          field.conversion == 's' ? text_of(machine_, value) : representation_of(machine_, value);
      const std::int64_t size = count_characters(text);
      return std::string(
          characters_between(text, 0, std::min(field.precision.value_or(size), size)));
    }
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o': return integer_text(field, value);
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G': return float_digits(field, value);
    case 'c': return character(value);
    default: break;
  }
  machine_.refuse_construct(concat("the conversion '%", field.conversion, "'"));
}

std::string PercentFormatter::with_sign(const Field& field,
                                        const std::string& digits,
                                        bool is_negative) {
  if (is_negative) return "-" + digits;
  if (field.has_sign) return "+" + digits;
  return field.has_blank ? " " + digits : digits;
}

std::string PercentFormatter::integer_text(const Field& field, const Value& value) {
  const bool is_decimal = std::string_view("diu").find(field.conversion) != std::string_view::npos;
  std::int64_t number = 0;
  if (value.is_integral()) {
    number = value.as_int();
  } else if (is_decimal && value.kind() == Kind::kFloat && std::abs(value.as_double()) < 9e18) {
    number = static_cast<std::int64_t>(value.as_double());
  } else {
    machine_.refuse(
        "'%", field.conversion, "' needs a number, not '", type_name(value.kind()), "'");
  }
  const bool is_negative = number < 0;
  const std::uint64_t magnitude =
      is_negative ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
  const char* format = is_decimal                ? "%llu"
                       : field.conversion == 'x' ? "%llx"
                       : field.conversion == 'X' ? "%llX"
                                                 : "%llo";
  std::array<char, 32> buffer{};
  // NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): one of four literals
  std::snprintf(buffer.data(), buffer.size(), format, static_cast<unsigned long long>(magnitude));
  std::string digits = buffer.data();
  const auto wanted = static_cast<std::size_t>(field.precision.value_or(0));
  if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
  if (field.is_alternate && !is_decimal) digits = std::string("0") + field.conversion + digits;
  return with_sign(field, digits, is_negative);
}

std::string PercentFormatter::float_digits(const Field& field, const Value& value) {
  if (value.is_undefined()) machine_.refuse_undefined(value);
  if (!value.is_number()) {
    machine_.refuse(
        "'%", field.conversion, "' needs a number, not '", type_name(value.kind()), "'");
  }
  const double number = value.as_double();
  const std::string format = concat("%", field.is_alternate ? "#" : "", ".*", field.conversion);
  std::array<char, kWidestField + 400> buffer{};
  // NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): a conversion checked above
  std::snprintf(buffer.data(),
                buffer.size(),
                format.c_str(),
                static_cast<int>(field.precision.value_or(6)),
                std::abs(number));
  return with_sign(field, buffer.data(), std::signbit(number) && !std::isnan(number));
}

std::string PercentFormatter::character(const Value& value) {
  if (value.is_string() && count_characters(value.text()) == 1) return std::string(value.text());
  machine_.refuse("'%c' needs a string of one character");
}

std::string PercentFormatter::padded(const Field& field, std::string text, bool is_number) {
  const std::int64_t missing = field.width - count_characters(text);
  if (missing <= 0) return text;
  const auto count = static_cast<std::size_t>(missing);
  if (field.is_left) return text + std::string(count, ' ');
  if (!is_number || !field.has_zeros) return std::string(count, ' ') + text;
  std::size_t head = text.find_first_not_of("+- ");
  if (field.is_alternate &&
      std::string_view("xXo").find(field.conversion) != std::string_view::npos) {
    head += 2;
  }
  return text.insert(std::min(head, text.size()), count, '0');
}

// Walks a pattern of str.format().
class BraceFormatter {
 public:
  BraceFormatter(Machine& machine, std::string_view pattern, const Arguments& arguments)
      : machine_(machine), rest_(pattern), arguments_(arguments) {}

  Value run();

 private:
  Value field(std::string_view text);
  Value first_value(std::string_view name);

  Machine& machine_;
  std::string_view rest_;
  const Arguments& arguments_;
  std::int64_t next_ = 0;  // -1 after a number was written out
};

Value BraceFormatter::run() {
  std::string out;
  while (!rest_.empty()) {
    const std::size_t brace = std::min(rest_.find_first_of("{}"), rest_.size());
    machine_.charge(brace + 1);
    out += rest_.substr(0, brace);
    rest_.remove_prefix(brace);
    if (rest_.empty()) break;
    if (rest_.starts_with("{{") || rest_.starts_with("}}")) {
      out += rest_.front();
      rest_.remove_prefix(2);
      continue;
    }
    const std::size_t end = rest_.find('}');
    if (rest_.front() == '}' || end == std::string_view::npos) {
      machine_.refuse("a single '", rest_.front(), "' in the pattern of format()");
    }
    append_text(machine_, out, field(rest_.substr(1, end - 1)));
    rest_.remove_prefix(end + 1);
  }
  return machine_.text(out);
}

Value BraceFormatter::field(std::string_view text) {
  if (text.find_first_of(":!{") != std::string_view::npos) {
    machine_.refuse_construct(concat("the field {", text, "} of format()"));
  }
  const std::size_t first_end = std::min(text.find_first_of(".["), text.size());
  Value value = first_value(text.substr(0, first_end));
  text.remove_prefix(first_end);
  while (!text.empty()) {
    const bool is_index = text.front() == '[';
    const std::size_t end =
        is_index ? text.find(']') : std::min(text.find_first_of(".[", 1), text.size());
    if (end == std::string_view::npos || end < 2) {
      machine_.refuse("a field of format() is incomplete");
    }
    const std::string_view name = text.substr(1, end - 1);
    const bool is_number =
        name.find_first_not_of("0123456789") == std::string_view::npos && name.size() < 18;
    if (!is_index) {
      value = get_attribute(machine_, value, name);
    } else if (is_number) {
      value = get_item(machine_, value, std::int64_t{std::stoll(std::string(name))});
    } else {
      value = get_item(machine_, value, name);
    }
    text.remove_prefix(is_index ? end + 1 : end);
  }
  return value;
}

Value BraceFormatter::first_value(std::string_view name) {
  const bool is_number = name.find_first_not_of("0123456789") == std::string_view::npos;
  if (!is_number) {
    const auto found = std::find_if(arguments_.named.begin(),
                                    arguments_.named.end(),
                                    [&](const NamedArgument& named) { return named.name == name; });
    if (found == arguments_.named.end()) machine_.refuse("format() got no argument '", name, "'");
    return found->value;
  }
  if (name.empty() ? next_ < 0 : next_ > 0) {
    machine_.refuse("the pattern of format() mixes fields with and without numbers");
  }
  if (name.size() > 9) machine_.refuse("format() got too few arguments");
  const std::int64_t index = name.empty() ? next_++ : std::stoll(std::string(name));
  if (!name.empty()) next_ = -1;
  if (index >= static_cast<std::int64_t>(arguments_.positional.size())) {
    machine_.refuse("format() got too few arguments");
  }
  return arguments_.positional[static_cast<std::size_t>(index)];
}

}  // namespace

Value format_percent(Machine& machine, const Value& pattern, const Value& values) {
  if (pattern.is_markup()) machine.refuse_construct("'%' after escaped text");
  return PercentFormatter(machine, pattern.text(), values).run();
}

Value format_braces(Machine& machine, std::string_view pattern, const Arguments& arguments) {
  return BraceFormatter(machine, pattern, arguments).run();
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace longhaul::jinja
