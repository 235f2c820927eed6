#include "byte_level.h"

#include <array>

#include "unicode.h"

namespace longhaul {

namespace {

constexpr bool is_visible(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// Bytes that are visible characters of Latin-1 stand for themselves; the other 68, in order, for
// the characters from U+0100 on.
constexpr int kLargestCharacter = 0x100 + 68;

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, kLargestCharacter> bytes{};  // -1: none

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t character = is_visible(byte) ? static_cast<char32_t>(byte) : next++;
      append_utf8(characters.at(static_cast<std::size_t>(byte)), character);
      bytes.at(character) = byte;
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet made;
  return made;
}

}  // namespace

std::string_view byte_character(std::uint8_t byte) {
  return alphabet().characters[byte];
}

std::optional<std::string> bytes_of_characters(std::string_view token) {
  std::string out;
  for (std::size_t at = 0; at < token.size(); at += utf8_length(token[at])) {
    const char32_t character = code_point_at(token, at);
    const int byte = character < kLargestCharacter ? alphabet().bytes[character] : -1;
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

}  // namespace longhaul
