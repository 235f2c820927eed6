// How the parts of a tokenizer.json are read: every part is an object with a "type", and an option
// that is not known is refused, because ignoring it could change ids.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/json.h"

namespace longhaul {

// The "type" of `part`. Throws FormatError when it is not an object with one.
std::string type_of(const Json& part);

// Throws FormatError naming the type of `part`, and `supported`, a list in words.
[[noreturn]] void refuse_type(const Json& part, std::string_view what, std::string_view supported);

// Throws FormatError when `part` has a member that is neither "type" nor one of `known`.
void check_options(const Json& part, std::initializer_list<std::string_view> known);

// Throws FormatError: `json`'s place, then `what`.
[[noreturn]] void refuse(const Json& json, std::string_view what);

// The single character of a string.
char32_t character_of(const Json& json);

// The members of nested "Sequence" parts, in order: `list` is the key of their array. Null gives
// none.
std::vector<Json> flatten_sequence(const Json& part, std::string_view list);

}  // namespace longhaul
