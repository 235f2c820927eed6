// Code points of UTF-8 text, and the few Unicode facts that tokenizers ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace longhaul {

// Bytes of the character that begins with `lead`, in valid UTF-8.
constexpr std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

// The character at `at` < text.size() of valid UTF-8.
char32_t code_point_at(std::string_view text, std::size_t at);
// The position of the character that ends before `end` > 0.
std::size_t previous_character(std::string_view text, std::size_t end);
void append_utf8(std::string& out, char32_t character);

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// `text` with each maximal invalid subpart (Unicode 15, section 3.9, table 3-8) as one U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// Length of `bytes` without an incomplete character at their end: one that more bytes could
// complete.
std::size_t complete_length(std::string_view bytes);

// The property White_Space.
bool is_white_space(char32_t character);
// General category N: decimal digits, letter numbers, other numbers.
bool is_numeric(char32_t character);
// General category P, and the ASCII symbols $ + < = > ^ ` | ~.
bool is_punctuation(char32_t character);

// Each character's own lower case, without regard to its neighbours.
std::string to_lower_case(std::string_view text);

enum class NormalForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };
std::string to_normal_form(std::string_view text, NormalForm form);

}  // namespace longhaul
