#include "split_pattern.h"

#include "longhaul/core/error.h"

#include "text_growth.h"
#include "token_options.h"
#include "unicode.h"

namespace longhaul {

namespace {

std::variant<std::string, Regex> parse_pattern(const Json& json) {
  if (json.is_object() && json.size() == 1) {
    if (const Json regex = json.find("Regex"); !regex.is_null()) {
      return Regex(regex.as_string(), regex.where());
    }
    if (const Json text = json.find("String"); !text.is_null()) {
      if (text.as_string().empty()) refuse(text, "an empty text is not supported");
      return text.as_string();
    }
  }
  refuse(json, R"(expected {"String": text} or {"Regex": pattern})");
}

}  // namespace

SplitPattern::SplitPattern(const Json& json) : pattern_(parse_pattern(json)) {}

std::optional<TextRange> SplitPattern::search(std::string_view text, std::size_t from) const {
  if (const auto* regex = std::get_if<Regex>(&pattern_)) return regex->search(text, from);
  const auto& wanted = std::get<std::string>(pattern_);
  const std::size_t at = text.find(wanted, from);
  if (at == std::string_view::npos) return std::nullopt;
  return TextRange{at, at + wanted.size()};
}

std::size_t SplitPattern::next_character(std::string_view text, std::size_t at) {
  return at < text.size() ? at + utf8_length(text[at]) : at + 1;
}

std::string SplitPattern::replace(std::string_view text, std::string_view replacement) const {
  std::string out;
  std::size_t copied = 0;
  for_each_match(text, [&](TextRange match) {
    out += text.substr(copied, match.begin - copied);
    out += replacement;
    copied = match.end;
    check_growth("Replace", text.size(), out.size());
  });
  out += text.substr(copied);
  return out;
}

}  // namespace longhaul
