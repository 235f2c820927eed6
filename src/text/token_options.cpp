#include "token_options.h"

#include <algorithm>

#include "longhaul/core/error.h"

#include "unicode.h"

namespace longhaul {

std::string type_of(const Json& part) {
  return part.as_string("type");
}

void refuse_type(const Json& part, std::string_view what, std::string_view supported) {
  throw FormatError(concat(part.where(),
                           ": ",
                           what,
                           " \"",
                           type_of(part),
                           "\" is not supported; supported are ",
                           supported));
}

void check_options(const Json& part, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : part.members()) {
    if (key == "type" || std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw FormatError(
        concat(part.where(), ": option \"", key, "\" of ", type_of(part), " is not supported"));
  }
}

void refuse(const Json& json, std::string_view what) {
  throw FormatError(concat(json.where(), ": ", what));
}

char32_t character_of(const Json& json) {
  const std::string& text = json.as_string();
  if (text.empty() || text.size() != utf8_length(text[0])) {
    refuse(json, concat("got \"", text, "\", expected one character"));
  }
  return code_point_at(text, 0);
}

std::vector<Json> flatten_sequence(const Json& part, std::string_view list) {
  if (part.is_null()) return {};
  if (type_of(part) != "Sequence") return {part};
  check_options(part, {list});
  std::vector<Json> out;
  for (const Json& element : part.at(list).elements()) {
    const std::vector<Json> inner = flatten_sequence(element, list);
    out.insert(out.end(), inner.begin(), inner.end());
  }
  return out;
}

}  // namespace longhaul
