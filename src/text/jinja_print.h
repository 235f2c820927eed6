// Values as text: Python's str() and repr(), and json.dumps().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jinja_machine.h"
#include "jinja_value.h"

namespace longhaul::jinja {

// repr() of a float: the shortest digits that read back as the same number.
std::string float_text(double value);

// str(value). Throws ConversationRefused where Python would show an address.
void append_text(Machine& machine, std::string& out, const Value& value);
// str(value), in the machine's memory if it is not text already.
std::string_view text_of(Machine& machine, const Value& value);
// repr(value).
void append_representation(Machine& machine, std::string& out, const Value& value);
std::string_view representation_of(Machine& machine, const Value& value);

// The arguments of json.dumps().
struct JsonStyle {
  bool ensures_ascii = false;
  std::optional<std::string_view> indent;  // what stands once per level; absent: one line
  std::string_view item_separator = ", ";
  std::string_view key_separator = ": ";
  bool sorts_keys = false;
};
// Throws ConversationRefused for what JSON cannot say.
void append_json(Machine& machine, std::string& out, const Value& value, const JsonStyle& style);

}  // namespace longhaul::jinja
