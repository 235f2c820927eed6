// The methods of Python's str.
#include <algorithm>
#include <array>
#include <utility>

#include "jinja_attributes.h"
#include "jinja_format.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_text.h"
#include "unicode.h"

namespace longhaul::jinja {

namespace {

Value texts(Machine& machine, const std::vector<std::string_view>& parts) {
  machine.charge(parts.size() * sizeof(Value));
  return machine.list(std::vector<Value>(parts.begin(), parts.end()));
}

// No argument, a new text.
template <std::string (*change)(std::string_view)>
Value changed(const Call& call) {
  const Bound none(call, {});
  call.machine.charge(call.input.text().size());
  return call.machine.text(change(call.input.text()));
}

// No argument, a yes or no.
template <bool (*holds)(std::string_view)>
Value has(const Call& call) {
  const Bound none(call, {});
  call.machine.charge(call.input.text().size() / 4);
  return holds(call.input.text());
}

bool is_ascii(std::string_view text) {
  return std::all_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_all_printable(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
    if (!is_printable(code_point_at(text, at))) return false;
  }
  return true;
}

template <Side side>
Value stripped(const Call& call) {
  const Bound arguments(call, {""});
  const std::string_view text = call.input.text();
  if (arguments.value_or(0, {}).is_none()) {
    call.machine.charge(text.size() / 16);
    return strip(text, side);
  }
  const std::string_view characters = arguments.string_or(0, "");
  call.machine.charge(text.size() / 16 * (1 + characters.size()));
  return strip(text, side, characters);
}

template <bool from_right>
Value split_method(const Call& call) {
  const Bound arguments(call, {"sep", "maxsplit"});
  const std::string_view text = call.input.text();
  const std::int64_t limit = arguments.integer_or(1, -1);
  if (arguments.value_or(0, {}).is_none()) {
    call.machine.charge(text.size());
    return texts(call.machine, from_right ? split_right(text, limit) : split(text, limit));
  }
  const std::string_view separator = arguments.string_or(0, "");
  if (separator.empty()) call.machine.refuse("split() needs a separator that is not empty");
  call.machine.charge_search(text, separator);
  call.machine.charge(static_cast<std::size_t>(count_occurrences(text, separator)) * sizeof(Value));
  return texts(call.machine,
               from_right ? split_right(text, separator, limit) : split(text, separator, limit));
}

Value splitlines(const Call& call) {
  const Bound arguments(call, {"keepends"});
  call.machine.charge(call.input.text().size());
  return texts(call.machine, split_lines(call.input.text(), arguments.truth_or(0, false)));
}

template <bool from_right>
Value partition(const Call& call) {
  const Bound arguments(call, {""}, 1);
  const std::string_view text = call.input.text();
  const std::string_view separator = arguments.string_or(0, "");
  if (separator.empty()) call.machine.refuse("partition() needs a separator that is not empty");
  call.machine.charge_search(text, separator);
  const std::size_t at = from_right ? text.rfind(separator) : text.find(separator);
  if (at == std::string_view::npos) {
    return from_right ? call.machine.tuple({"", "", text}) : call.machine.tuple({text, "", ""});
  }
  return call.machine.tuple({text.substr(0, at), separator, text.substr(at + separator.size())});
}

// The part of the text between the optional bounds `start` and `stop`, and where it begins.
struct Window {
  std::string_view text;
  std::int64_t first_character;
};

std::optional<Window> window(const Call& call, const Bound& arguments) {
  const Value start = arguments.value_or(1, {});
  const Value stop = arguments.value_or(2, {});
  if (start.is_none() && stop.is_none()) return Window{call.input.text(), 0};
  const std::int64_t size = *length(call.machine, call.input);
  const std::string_view text = slice(call.machine, call.input, start, stop, {}).text();
  std::int64_t first = start.is_none() ? 0 : start.as_int();
  if (first < 0) first = std::max<std::int64_t>(first + size, 0);
  if (first > size) return std::nullopt;
  return Window{text, first};
}

// Any of a tuple of strings, or the one string.
template <bool (*matches)(std::string_view text, std::string_view part)>
Value begins_or_ends(const Call& call) {
  const Bound arguments(call, {"", "", ""}, 1);
  const std::optional<Window> part = window(call, arguments);
  const Value& wanted = arguments[0];
  if (wanted.is_string()) return part.has_value() && matches(part->text, wanted.text());
  if (wanted.kind() != Kind::kTuple) {
    call.machine.refuse(
        call.name, "() needs a string or a tuple of strings, not '", type_name(wanted.kind()), "'");
  }
  for (const Value& one : wanted.elements()) {
    if (!one.is_string()) call.machine.refuse(call.name, "() needs a tuple of strings");
    if (part.has_value() && matches(part->text, one.text())) return true;
  }
  return false;
}

bool begins(std::string_view text, std::string_view part) {
  return text.starts_with(part);
}
bool ends(std::string_view text, std::string_view part) {
  return text.ends_with(part);
}

template <bool from_right>
std::int64_t position(const Call& call) {
  const Bound arguments(call, {"", "", ""}, 1);
  const std::string_view part = arguments.string_or(0, "");
  const std::optional<Window> where = window(call, arguments);
  if (!where.has_value()) return -1;
  call.machine.charge_search(where->text, part);
  const std::size_t at = from_right ? where->text.rfind(part) : where->text.find(part);
  if (at == std::string_view::npos) return -1;
  return where->first_character + count_characters(where->text.substr(0, at));
}

template <bool from_right>
Value find(const Call& call) {
  return position<from_right>(call);
}

template <bool from_right>
Value index(const Call& call) {
  const std::int64_t at = position<from_right>(call);
  if (at < 0) call.machine.refuse("substring not found");
  return at;
}

Value count(const Call& call) {
  const Bound arguments(call, {"", "", ""}, 1);
  const std::string_view part = arguments.string_or(0, "");
  const std::optional<Window> where = window(call, arguments);
  if (!where.has_value()) return 0;
  call.machine.charge_search(where->text, part);
  return count_occurrences(where->text, part);
}

Value replace_method(const Call& call) {
  const Bound arguments(call, {"", "", ""}, 2);
  return call.machine.replaced(call.input.text(),
                               arguments.string_or(0, ""),
                               arguments.string_or(1, ""),
                               arguments.integer_or(2, -1));
}

Value remove_prefix(const Call& call) {
  const std::string_view prefix = Bound(call, {""}, 1).string_or(0, "");
  std::string_view text = call.input.text();
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return text;
}

Value remove_suffix(const Call& call) {
  const std::string_view suffix = Bound(call, {""}, 1).string_or(0, "");
  std::string_view text = call.input.text();
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

Value join(const Call& call) {
  const Bound arguments(call, {""}, 1);
  std::string joined;
  bool is_first = true;
  Iterator* parts = iterate(call.machine, arguments[0]);
  while (const std::optional<Value> part = parts->next(call.machine)) {
    if (!part->is_string()) {
      call.machine.refuse("join() needs strings, got '", type_name(part->kind()), "'");
    }
    if (!is_first) joined += call.input.text();
    is_first = false;
    joined += part->text();
    call.machine.charge(call.input.text().size() + part->text().size());
  }
  return call.machine.text(joined);
}

Value format(const Call& call) {
  return format_braces(call.machine, call.input.text(), call.arguments);
}

// The text between `left` and `right` fill characters.
Value filled(const Call& call, const Bound& arguments, std::int64_t left, std::int64_t right) {
  const std::string_view fill = arguments.string_or(1, " ");
  if (count_characters(fill) != 1) call.machine.refuse(call.name, "() fills with one character");
  std::string out;
  const auto add = [&](std::int64_t times) {
    if (times <= 0) return;
    call.machine.charge(static_cast<std::size_t>(times));
    for (std::int64_t i = 0; i < times; ++i) out += fill;
  };
  add(left);
  out += call.input.text();
  add(right);
  return call.machine.text(out);
}

std::int64_t missing_width(const Call& call, const Bound& arguments) {
  return std::max<std::int64_t>(arguments.integer_or(0, 0) - *length(call.machine, call.input), 0);
}

Value center(const Call& call) {
  const Bound arguments(call, {"", ""}, 1);
  const std::int64_t width = arguments.integer_or(0, 0);
  const std::int64_t missing = missing_width(call, arguments);
  // The odd character goes right, or left in an odd width.
  const std::int64_t left = missing / 2 + (missing & width & 1);
  return filled(call, arguments, left, missing - left);
}

Value left_justify(const Call& call) {
  const Bound arguments(call, {"", ""}, 1);
  return filled(call, arguments, 0, missing_width(call, arguments));
}

Value right_justify(const Call& call) {
  const Bound arguments(call, {"", ""}, 1);
  return filled(call, arguments, missing_width(call, arguments), 0);
}

Value fill_zeros(const Call& call) {
  const Bound arguments(call, {""}, 1);
  const auto missing = static_cast<std::size_t>(missing_width(call, arguments));
  call.machine.charge(missing);
  std::string text(call.input.text());
  const bool has_sign = text.starts_with('+') || text.starts_with('-');
  return call.machine.text(text.insert(has_sign ? 1 : 0, missing, '0'));
}

constexpr std::array<MethodEntry, 37> kMethods{{
    {"capitalize", changed<jinja::capitalize>},
    {"center", center},
    {"count", count},
    {"endswith", begins_or_ends<ends>},
    {"find", find<false>},
    {"format", format},
    {"index", index<false>},
    {"isalnum", has<is_alphanumeric>},
    {"isalpha", has<is_alphabetic>},
    {"isascii", has<is_ascii>},
    {"isdecimal", has<is_decimal>},
    {"isdigit", has<is_digit>},
    {"islower", has<is_lower>},
    {"isprintable", has<is_all_printable>},
    {"isspace", has<is_all_space>},
    {"isupper", has<is_upper>},
    {"join", join},
    {"ljust", left_justify},
    {"lower", changed<jinja::lower>},
    {"lstrip", stripped<Side::kLeft>},
    {"partition", partition<false>},
    {"removeprefix", remove_prefix},
    {"removesuffix", remove_suffix},
    {"replace", replace_method},
    {"rfind", find<true>},
    {"rindex", index<true>},
    {"rjust", right_justify},
    {"rpartition", partition<true>},
    {"rsplit", split_method<true>},
    {"rstrip", stripped<Side::kRight>},
    {"split", split_method<false>},
    {"splitlines", splitlines},
    {"startswith", begins_or_ends<begins>},
    {"strip", stripped<Side::kBoth>},
    {"title", changed<jinja::title>},
    {"upper", changed<jinja::upper>},
    {"zfill", fill_zeros},
}};

}  // namespace

std::span<const MethodEntry> string_methods() {
  return kMethods;
}

}  // namespace longhaul::jinja
