// Python's text functions on valid UTF-8. Positions and lengths count characters (code points)
// where the name says so, else bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longhaul::jinja {

// str.isspace() of one character.
bool is_space(char32_t character);
// str.isprintable() of one character.
bool is_printable(char32_t character);

std::int64_t count_characters(std::string_view text);
// The byte at which the character `index` in [0, count_characters(text)] begins.
std::size_t byte_of_character(std::string_view text, std::int64_t index);
// text[start:stop] for 0 <= start <= stop <= count_characters(text).
std::string_view characters_between(std::string_view text, std::int64_t start, std::int64_t stop);
// The character at byte `at` as text.
std::string_view character_text(std::string_view text, std::size_t at);

enum class Side : std::uint8_t { kLeft, kRight, kBoth };
// str.strip(): white space, or any of the characters in `characters`.
std::string_view strip(std::string_view text,
                       Side side,
                       std::optional<std::string_view> characters = std::nullopt);

// str.split() and str.rsplit(): at most `limit` cuts (all where negative), at `separator` or at
// runs of white space.
std::vector<std::string_view> split(std::string_view text, std::int64_t limit);
std::vector<std::string_view> split(std::string_view text,
                                    std::string_view separator,
                                    std::int64_t limit);
std::vector<std::string_view> split_right(std::string_view text, std::int64_t limit);
std::vector<std::string_view> split_right(std::string_view text,
                                          std::string_view separator,
                                          std::int64_t limit);
std::vector<std::string_view> split_lines(std::string_view text, bool keeps_ends);

// str.replace(); an empty `from` stands between all characters.
std::string replace(std::string_view text,
                    std::string_view from,
                    std::string_view to,
                    std::int64_t limit);
// How often replace() would replace.
std::int64_t count_occurrences(std::string_view text, std::string_view part);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
// str.title(): a word begins where a cased character follows one without case.
std::string title(std::string_view text);

// str.isupper(), str.islower() and so on. Outside of ASCII they go by general category.
bool is_upper(std::string_view text);
bool is_lower(std::string_view text);
bool is_alphabetic(std::string_view text);
bool is_alphanumeric(std::string_view text);
bool is_decimal(std::string_view text);
bool is_digit(std::string_view text);  // decimal digits, superscripts, digits in circles
bool is_all_space(std::string_view text);

// Python's repr() of a string.
std::string quoted(std::string_view text);

}  // namespace longhaul::jinja
