// The "pattern" of Split and Replace: a text or a regular expression, and its matches in a text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "longhaul/core/json.h"

#include "regex.h"

namespace longhaul {

// Immutable; safe from any thread.
class SplitPattern {
 public:
  explicit SplitPattern(std::string text) : pattern_(std::move(text)) {}
  explicit SplitPattern(Regex regex) : pattern_(std::move(regex)) {}
  // Reads {"String": text} or {"Regex": pattern}. Throws FormatError.
  explicit SplitPattern(const Json& json);

  // Calls take(TextRange) for each match from left to right, without overlap. A match without
  // length counts unless it touches the end of the match before.
  template <class Take>
  void for_each_match(std::string_view text, const Take& take) const {
    std::size_t from = 0;
    std::optional<std::size_t> last_end;
    while (from <= text.size()) {
      const std::optional<TextRange> match = search(text, from);
      if (!match) return;
      if (match->size() == 0 && match->begin == last_end) {
        from = next_character(text, match->end);
        continue;
      }
      take(*match);
      from = match->end;
      last_end = from;
    }
  }

  // The first match that begins at `from` or later.
  std::optional<TextRange> search(std::string_view text, std::size_t from) const;
  // `text` with every match replaced. Throws FormatError when it grows beyond measure.
  std::string replace(std::string_view text, std::string_view replacement) const;

 private:
  static std::size_t next_character(std::string_view text, std::size_t at);

  std::variant<std::string, Regex> pattern_;
};

}  // namespace longhaul
