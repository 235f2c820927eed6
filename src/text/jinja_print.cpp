#include "jinja_print.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "jinja_operators.h"
#include "jinja_text.h"
#include "unicode.h"

namespace longhaul::jinja {

namespace {

// Text that is built up, each byte charged as it comes.
class Printer {
 public:
  Printer(Machine& machine, std::string& out) : machine_(machine), out_(out) {}

  void put(std::string_view text) {
    machine_.charge(text.size());
    out_ += text;
  }
  void representation(const Value& value);

 private:
  void elements(std::span<const Value> elements);
  void members(const Value& value);

  Machine& machine_;
  std::string& out_;
};

void Printer::elements(std::span<const Value> elements) {
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) put(", ");
    representation(elements[i]);
  }
}

void Printer::members(const Value& value) {
  bool is_first = true;
  for (const Member& member : value.members()) {
    if (!is_first) put(", ");
    is_first = false;
    if (value.kind() == Kind::kItems) put("(");
    if (value.kind() != Kind::kValues) representation(member.key);
    if (value.kind() == Kind::kDict) put(": ");
    if (value.kind() == Kind::kItems) put(", ");
    if (value.kind() != Kind::kKeys) representation(member.value);
    if (value.kind() == Kind::kItems) put(")");
  }
}

void Printer::representation(const Value& value) {
  const Nesting nesting(machine_);
  switch (value.kind()) {
    case Kind::kString:
      if (value.is_markup()) put("Markup(");
      put(quoted(value.text()));
      if (value.is_markup()) put(")");
      return;
    case Kind::kList:
      put("[");
      elements(value.elements());
      return put("]");
    case Kind::kTuple:
      put("(");
      elements(value.elements());
      return put(value.elements().size() == 1 ? ",)" : ")");
    case Kind::kDict:
      put("{");
      members(value);
      return put("}");
    case Kind::kKeys:
    case Kind::kValues:
    case Kind::kItems:
      put(type_name(value.kind()));
      put("([");
      members(value);
      return put("])");
    case Kind::kUndefined: return put("Undefined");
    default: return append_text(machine_, out_, value);
  }
}

class JsonPrinter {
 public:
  JsonPrinter(Machine& machine, std::string& out, const JsonStyle& style)
      : machine_(machine), out_(out), style_(style) {}

  void value(const Value& value);

 private:
  void put(std::string_view text) {
    machine_.charge(text.size());
    out_ += text;
  }
  void number(double number);
  void string(std::string_view text);
  void escape(char32_t character);
  void new_line();
  void elements(std::span<const Value> elements);
  void members(std::span<const Member> members);
  std::string key_text(const Value& key);

  Machine& machine_;
  std::string& out_;
  const JsonStyle& style_;
  int level_ = 0;
};

void JsonPrinter::number(double number) {
  if (std::isnan(number)) return put("NaN");
  if (std::isinf(number)) return put(number > 0 ? "Infinity" : "-Infinity");
  put(float_text(number));
}

void JsonPrinter::escape(char32_t character) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) {
    text += kDigits[static_cast<std::uint32_t>(character) >> static_cast<unsigned>(shift) & 0xFU];
  }
  put(text);
}

void JsonPrinter::string(std::string_view text) {
  constexpr std::string_view kShort = "\b\f\n\r\t\"\\";
  constexpr std::string_view kLetters = "bfnrt\"\\";
  put("\"");
  std::size_t plain_from = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t character = code_point_at(text, at);
    const std::size_t after = at + utf8_length(text[at]);
    const std::size_t special = character < 0x80 ? kShort.find(text[at]) : std::string_view::npos;
    const bool is_plain = special == std::string_view::npos && character >= 0x20 &&
                          (character < 0x7F || !style_.ensures_ascii);
    if (!is_plain) {
      put(text.substr(plain_from, at - plain_from));
      plain_from = after;
    }
    at = after;
    if (is_plain) continue;
    if (special != std::string_view::npos) {
      put("\\");
      put(kLetters.substr(special, 1));
    } else if (character < 0x10000) {
      escape(character);
    } else {
      escape(0xD800 + ((character - 0x10000) >> 10U));
      escape(0xDC00 + ((character - 0x10000) & 0x3FFU));
    }
  }
  put(text.substr(plain_from));
  put("\"");
}

void JsonPrinter::new_line() {
  if (!style_.indent.has_value()) return;
  put("\n");
  for (int i = 0; i < level_; ++i) put(*style_.indent);
}

void JsonPrinter::elements(std::span<const Value> elements) {
  if (elements.empty()) return put("[]");
  put("[");
  ++level_;
  bool is_first = true;
  for (const Value& element : elements) {
    if (!is_first) put(style_.item_separator);
    is_first = false;
    new_line();
    value(element);
  }
  --level_;
  new_line();
  put("]");
}

std::string JsonPrinter::key_text(const Value& key) {
  switch (key.kind()) {
    case Kind::kString: return std::string(key.text());
    case Kind::kBool: return key.as_bool() ? "true" : "false";
    case Kind::kNone: return "null";
    case Kind::kInt: return std::to_string(key.as_int());
    case Kind::kFloat: return float_text(key.as_double());
    default: break;
  }
  machine_.refuse(
      "JSON keys must be strings, numbers, booleans or none, not '", type_name(key.kind()), "'");
}

void JsonPrinter::members(std::span<const Member> members) {
  if (members.empty()) return put("{}");
  machine_.charge(members.size() * sizeof(Member));
  std::vector<Member> sorted(members.begin(), members.end());
  if (style_.sorts_keys) {
    std::stable_sort(sorted.begin(), sorted.end(), [&](const Member& a, const Member& b) {
      return order(machine_, a.key, b.key, "<") < 0;
    });
  }
  put("{");
  ++level_;
  bool is_first = true;
  for (const Member& member : sorted) {
    if (!is_first) put(style_.item_separator);
    is_first = false;
    new_line();
    string(key_text(member.key));
    put(style_.key_separator);
    value(member.value);
  }
  --level_;
  new_line();
  put("}");
}

void JsonPrinter::value(const Value& value) {
  const Nesting nesting(machine_);
  switch (value.kind()) {
    case Kind::kNone: return put("null");
    case Kind::kBool: return put(value.as_bool() ? "true" : "false");
    case Kind::kInt: return put(std::to_string(value.as_int()));
    case Kind::kFloat: return number(value.as_double());
    case Kind::kString: return string(value.text());
    case Kind::kList:
    case Kind::kTuple: return elements(value.elements());
    case Kind::kDict: return members(value.members());
    default: break;
  }
  machine_.refuse("an object of type ", type_name(value.kind()), " is not JSON serializable");
}

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const auto* const end =
      std::to_chars(
          buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific)
          .ptr;
  // [-]d[.ddd]e[+-]dd
  const std::string_view shortest(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t exponent_at = shortest.find('e');
  std::string digits(shortest.substr(0, exponent_at));
  const bool is_negative = digits.front() == '-';
  std::erase(digits, '-');
  std::erase(digits, '.');
  const int exponent = std::stoi(std::string(shortest.substr(exponent_at + 1)));
  const int count = static_cast<int>(digits.size());
  std::string text = is_negative ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    text += digits.substr(0, 1);
    if (count > 1) text += "." + digits.substr(1);
    text += exponent < 0 ? "e-" : "e+";
    const std::string magnitude = std::to_string(std::abs(exponent));
    return text + (magnitude.size() < 2 ? "0" : "") + magnitude;
  }
  if (exponent < 0) {
    return text + "0." + std::string(static_cast<std::size_t>(-exponent) - 1, '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole) digits.append(whole - digits.size(), '0');
  return text + digits.substr(0, whole) + "." +
         (digits.size() > whole ? digits.substr(whole) : std::string("0"));
}

void append_text(Machine& machine, std::string& out, const Value& value) {
  const std::size_t before = out.size();
  switch (value.kind()) {
    case Kind::kUndefined: break;
    case Kind::kNone: out += "None"; break;
    case Kind::kBool: out += value.as_bool() ? "True" : "False"; break;
    case Kind::kInt: out += std::to_string(value.as_int()); break;
    case Kind::kFloat: out += float_text(value.as_double()); break;
    case Kind::kString: out += value.text(); break;
    case Kind::kRange: {
      const Range& range = value.range();
      out += concat("range(", range.start, ", ", range.stop);
      out += range.step == 1 ? ")" : concat(", ", range.step, ")");
      break;
    }
    case Kind::kIterator: machine.refuse("a generator has no text; `|list` makes a list of it");
    case Kind::kObject: {
      const auto text = value.object()->representation(machine);
      if (!text.has_value()) machine.refuse("a function or object that has no text is printed");
      out += *text;
      break;
    }
    default: return append_representation(machine, out, value);
  }
  machine.charge(out.size() - before);
}

std::string_view text_of(Machine& machine, const Value& value) {
  if (value.is_string()) return value.text();
  std::string text;
  append_text(machine, text, value);
  return machine.copy(text);
}

void append_representation(Machine& machine, std::string& out, const Value& value) {
  Printer(machine, out).representation(value);
}

std::string_view representation_of(Machine& machine, const Value& value) {
  std::string text;
  append_representation(machine, text, value);
  return machine.copy(text);
}

void append_json(Machine& machine, std::string& out, const Value& value, const JsonStyle& style) {
  JsonPrinter(machine, out, style).value(value);
}

}  // namespace longhaul::jinja
