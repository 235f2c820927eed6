// Regular expressions of tokenizer.json: patterns in the syntax of Oniguruma, run by PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace longhaul {

// A part [begin, end) of a text, in bytes.
struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  std::string_view in(std::string_view text) const { return text.substr(begin, size()); }
};

// Unicode's word characters (Technical Standard 18, annex C), as members of a class.
constexpr std::string_view kWordCharacters = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D})";

// The same pattern in the syntax of PCRE2 with UTF and UCP. What the two engines read differently
// (\s, \w, \h, scripts, `^`, `{1,3}+`) is spelled out; what has no equal is refused with
// FormatError. `place` is for the message.
std::string to_pcre2_syntax(std::string_view pattern, const std::string& place);

// A compiled pattern. Immutable; safe from any thread.
class Regex {
 public:
  // `pattern` is Oniguruma's. Throws FormatError that names `place`.
  Regex(std::string_view pattern, const std::string& place);

  // The first match that begins at `from` or later; lookbehind sees all of `text`, valid UTF-8.
  // Throws Error when the pattern backtracks without end on this text.
  std::optional<TextRange> search(std::string_view text, std::size_t from) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
};

}  // namespace longhaul
