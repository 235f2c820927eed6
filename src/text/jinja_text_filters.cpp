// Filters whose result is text.
#include <array>
#include <string>

#include "jinja_filters.h"
#include "jinja_format.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_text.h"
#include "unicode.h"

namespace longhaul::jinja {

namespace {

// The input as text; undefined is the empty text.
std::string_view input_text(const Call& call) {
  if (call.input.is_markup()) {
    call.machine.refuse_construct(concat("the filter '", call.name, "' on escaped text"));
  }
  const std::string_view text = text_of(call.machine, call.input);
  call.machine.charge(text.size());
  return text;
}

// The input, which must be text.
std::string_view input_string(const Call& call) {
  if (call.input.is_undefined()) call.machine.refuse_undefined(call.input);
  if (!call.input.is_string()) {
    call.machine.refuse(
        "the filter '", call.name, "' needs a string, got '", type_name(call.input.kind()), "'");
  }
  return input_text(call);
}

template <std::string (*change)(std::string_view)>
Value changed(const Call& call) {
  const Bound none(call, {});
  return call.machine.text(change(input_text(call)));
}

// Each word's first character in upper case, the rest in lower case; words end at - ( { [ < and
// white space, unlike those of str.title().
std::string title_words(std::string_view text) {
  std::string out;
  std::size_t word = 0;
  const auto flush = [&](std::size_t end) {
    if (word == end) return;
    const std::string_view first = character_text(text, word);
    out += upper(first);
    out += lower(text.substr(word + first.size(), end - word - first.size()));
  };
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
    const std::string_view character = character_text(text, at);
    const bool separates = is_space(code_point_at(text, at)) ||
                           std::string_view("-({[<").find(character) != std::string_view::npos;
    if (!separates) continue;
    flush(at);
    out += character;
    word = at + character.size();
  }
  flush(text.size());
  return out;
}

Value trim(const Call& call) {
  const Bound arguments(call, {"chars"});
  const std::string_view text = input_text(call);
  if (arguments.value_or(0, {}).is_none()) return strip(text, Side::kBoth);
  const std::string_view characters = arguments.string_or(0, "");
  call.machine.charge(text.size() / 16 * characters.size());
  return strip(text, Side::kBoth, characters);
}

Value replace_filter(const Call& call) {
  const Bound arguments(call, {"old", "new", "count"}, 2);
  const Value count = arguments.value_or(2, {});
  return call.machine.replaced(input_text(call),
                               text_of(call.machine, arguments[0]),
                               text_of(call.machine, arguments[1]),
                               count.is_none() ? -1 : arguments.integer_or(2, -1));
}

Value indent(const Call& call) {
  const Bound arguments(call, {"width", "first", "blank"});
  const std::string_view text = input_string(call);
  std::string indentation;
  if (arguments.has(0) && arguments[0].is_string()) {
    indentation = arguments[0].text();
  } else {
    const std::int64_t width = std::max<std::int64_t>(arguments.integer_or(0, 4), 0);
    call.machine.charge(static_cast<std::size_t>(width));
    indentation.assign(static_cast<std::size_t>(width), ' ');
  }
  const bool indents_blank = arguments.truth_or(2, false);
  std::string out = arguments.truth_or(1, false) ? indentation : "";
  bool is_first = true;
  // The line break that Jinja appends makes the empty text one line and keeps a last empty line.
  const std::string closed = concat(text, "\n");
  for (const std::string_view line : split_lines(closed, false)) {
    if (!is_first) {
      call.machine.charge(indentation.size() + 1);
      out += "\n";
      if (indents_blank || !line.empty()) out += indentation;
    }
    is_first = false;
    out += line;
  }
  return call.machine.text(out);
}

Value truncate(const Call& call) {
  const Bound arguments(call, {"length", "killwords", "end", "leeway"});
  const std::string_view end = arguments.string_or(2, "...");
  const std::int64_t size = arguments.integer_or(0, 255);
  const std::int64_t leeway = arguments.value_or(3, {}).is_none() ? 5 : arguments.integer_or(3, 5);
  const std::int64_t kept = size - count_characters(end);
  if (kept < 0 || leeway < 0) call.machine.refuse("truncate() has no room for its end");
  // Jinja hands back whatever is short enough, be it a string or not.
  const std::optional<std::int64_t> length = jinja::length(call.machine, call.input);
  if (length.has_value() && *length - leeway <= size) return call.input;
  const std::string_view text = input_string(call);
  std::string_view head = characters_between(text, 0, kept);
  if (!arguments.truth_or(1, false)) head = head.substr(0, head.rfind(' '));
  return call.machine.text(concat(head, end));
}

Value center(const Call& call) {
  const Bound arguments(call, {"width"});
  const std::string_view text = input_text(call);
  const std::int64_t width = arguments.integer_or(0, 80);
  const std::int64_t missing = std::max<std::int64_t>(width - count_characters(text), 0);
  call.machine.charge(static_cast<std::size_t>(missing));
  const std::int64_t left = missing / 2 + (missing & width & 1);
  return call.machine.text(concat(std::string(static_cast<std::size_t>(left), ' '),
                                  text,
                                  std::string(static_cast<std::size_t>(missing - left), ' ')));
}

Value format(const Call& call) {
  const Value pattern(input_text(call));
  const std::span<const NamedArgument> named = call.arguments.named;
  if (named.empty()) {
    return format_percent(call.machine, pattern, Value::tuple(call.arguments.positional));
  }
  if (!call.arguments.positional.empty()) {
    call.machine.refuse("format takes arguments by position or by name, not both");
  }
  std::vector<Member> members;
  members.reserve(named.size());
  for (const NamedArgument& argument : named) members.push_back({argument.name, argument.value});
  return format_percent(call.machine, pattern, call.machine.dict(members));
}

Value string(const Call& call) {
  const Bound none(call, {});
  return call.input.is_string() ? call.input : Value(text_of(call.machine, call.input));
}

Value safe(const Call& call) {
  const Bound none(call, {});
  return Value::markup(text_of(call.machine, call.input));
}

Value escape(const Call& call) {
  const Bound none(call, {});
  if (call.input.is_markup()) return call.input;
  return Value::markup(call.machine.copy(escaped(input_text(call))));
}

Value force_escape(const Call& call) {
  const Bound none(call, {});
  return Value::markup(call.machine.copy(escaped(text_of(call.machine, call.input))));
}

Value word_count(const Call& call) {
  const Bound none(call, {});
  const std::string_view text = input_text(call);
  std::int64_t words = 0;
  bool inside_word = false;
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
    const std::string_view character = character_text(text, at);
    const bool is_word = character == "_" || is_alphanumeric(character);
    if (is_word && !inside_word) ++words;
    inside_word = is_word;
  }
  return words;
}

Value to_json(const Call& call) {
  const Bound arguments(call, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensures_ascii = arguments.truth_or(0, false);
  style.sorts_keys = arguments.truth_or(3, false);
  std::string indentation;
  const Value indent = arguments.value_or(1, {});
  if (indent.is_string()) {
    style.indent = indent.text();
  } else if (!indent.is_none()) {
    const std::int64_t width = std::max<std::int64_t>(arguments.integer_or(1, 0), 0);
    call.machine.charge(static_cast<std::size_t>(width));
    indentation.assign(static_cast<std::size_t>(width), ' ');
    style.indent = indentation;
  }
  if (style.indent.has_value()) style.item_separator = ",";
  const Value separators = arguments.value_or(2, {});
  if (!separators.is_none()) {
    const std::span<const Value> pair = elements_of(call.machine, separators);
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      call.machine.refuse("tojson needs two strings as separators");
    }
    style.item_separator = pair[0].text();
    style.key_separator = pair[1].text();
  }
  std::string out;
  append_json(call.machine, out, call.input, style);
  return call.machine.text(out);
}

constexpr std::array<FilterEntry, 17> kFilters{{
    {"capitalize", changed<jinja::capitalize>},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"forceescape", force_escape},
    {"format", format},
    {"indent", indent},
    {"lower", changed<jinja::lower>},
    {"replace", replace_filter},
    {"safe", safe},
    {"string", string},
    {"title", changed<title_words>},
    {"tojson", to_json},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", changed<jinja::upper>},
    {"wordcount", word_count},
}};

}  // namespace

std::span<const FilterEntry> text_filters() {
  return kFilters;
}

}  // namespace longhaul::jinja
