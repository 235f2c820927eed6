#include "jinja_text.h"

#include <algorithm>
#include <array>

#include <utf8proc.h>

#include "longhaul/core/error.h"

#include "unicode.h"

namespace longhaul::jinja {

namespace {

template <class Predicate>
bool all_characters(std::string_view text, Predicate predicate) {
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
    if (!predicate(code_point_at(text, at))) return false;
  }
  return !text.empty();
}

// \xhh, \uhhhh or \Uhhhhhhhh, the shortest that holds the character.
void append_number(std::string& out, char32_t character) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const int width = character < 0x100 ? 2 : character < 0x10000 ? 4 : 8;
  out += '\\';
  out += width == 2 ? 'x' : width == 4 ? 'u' : 'U';
  for (int shift = 4 * (width - 1); shift >= 0; shift -= 4) {
    out += kDigits[static_cast<std::uint32_t>(character) >> static_cast<unsigned>(shift) & 0xFU];
  }
}

bool contains_character(std::string_view characters, std::string_view character) {
  return characters.find(character) != std::string_view::npos;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

bool is_space(char32_t character) {
  return is_white_space(character) || (character >= 0x1C && character <= 0x1F);
}

bool is_printable(char32_t character) {
  if (character < 0x80) return character >= 0x20 && character != 0x7F;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

std::int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  });
}

std::size_t byte_of_character(std::string_view text, std::int64_t index) {
  std::size_t at = 0;
  for (; index > 0; --index) at += utf8_length(text[at]);
  return at;
}

std::string_view characters_between(std::string_view text, std::int64_t start, std::int64_t stop) {
  const std::string_view rest = text.substr(byte_of_character(text, start));
  return rest.substr(0, byte_of_character(rest, stop - start));
}

std::string_view character_text(std::string_view text, std::size_t at) {
  return text.substr(at, utf8_length(text[at]));
}

std::string_view strip(std::string_view text,
                       Side side,
                       std::optional<std::string_view> characters) {
  const auto goes = [&](std::size_t at) {
    return characters.has_value() ? contains_character(*characters, character_text(text, at))
                                  : is_space(code_point_at(text, at));
  };
  if (side != Side::kRight) {
    while (!text.empty() && goes(0)) text.remove_prefix(utf8_length(text.front()));
  }
  if (side != Side::kLeft) {
    while (!text.empty()) {
      const std::size_t last = previous_character(text, text.size());
      if (!goes(last)) break;
      text = text.substr(0, last);
    }
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, std::int64_t limit) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::kLeft);
  while (!text.empty() && (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit)) {
    std::size_t end = 0;
    while (end < text.size() && !is_space(code_point_at(text, end))) end += utf8_length(text[end]);
    parts.push_back(text.substr(0, end));
    text = strip(text.substr(end), Side::kLeft);
  }
  if (!text.empty()) parts.push_back(text);
  return parts;
}

std::vector<std::string_view> split(std::string_view text,
                                    std::string_view separator,
                                    std::int64_t limit) {
  std::vector<std::string_view> parts;
  std::size_t at = 0;
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    const std::size_t cut = text.find(separator, at);
    if (cut == std::string_view::npos) break;
    parts.push_back(text.substr(at, cut - at));
    at = cut + separator.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

std::vector<std::string_view> split_right(std::string_view text, std::int64_t limit) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::kRight);
  while (!text.empty() && (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit)) {
    std::size_t begin = text.size();
    while (begin > 0) {
      const std::size_t before = previous_character(text, begin);
      if (is_space(code_point_at(text, before))) break;
      begin = before;
    }
    parts.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), Side::kRight);
  }
  if (!text.empty()) parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_right(std::string_view text,
                                          std::string_view separator,
                                          std::int64_t limit) {
  std::vector<std::string_view> parts;
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    const std::size_t cut = text.rfind(separator);
    if (cut == std::string_view::npos) break;
    parts.push_back(text.substr(cut + separator.size()));
    text = text.substr(0, cut);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keeps_ends) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t character = code_point_at(text, at);
    std::size_t after = at + utf8_length(text[at]);
    if (is_line_break(character)) {
      if (character == '\r' && after < text.size() && text[after] == '\n') ++after;
      lines.push_back(text.substr(begin, (keeps_ends ? after : at) - begin));
      begin = after;
    }
    at = after;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::string replace(std::string_view text,
                    std::string_view from,
                    std::string_view to,
                    std::int64_t limit) {
  std::string out;
  std::size_t at = 0;
  for (std::int64_t done = 0; limit < 0 || done < limit; ++done) {
    if (from.empty()) {
      out += to;
      if (at == text.size()) return out;
      out += character_text(text, at);
      at += utf8_length(text[at]);
      continue;
    }
    const std::size_t found = text.find(from, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
  }
  out += text.substr(at);
  return out;
}

std::int64_t count_occurrences(std::string_view text, std::string_view part) {
  if (part.empty()) return count_characters(text) + 1;
  std::int64_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos;) {
    ++count;
    at += part.size();
  }
  return count;
}

bool is_alphabetic(std::string_view text) {
  return all_characters(text, [](char32_t c) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
  });
}

bool is_alphanumeric(std::string_view text) {
  return all_characters(text, [](char32_t c) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) || is_numeric(c);
  });
}

bool is_decimal(std::string_view text) {
  return all_characters(text, [](char32_t c) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
  });
}

bool is_digit(std::string_view text) {
  // Numeric_Type=Digit besides general category Nd, Unicode 14.
  constexpr std::array<std::pair<char32_t, char32_t>, 20> kDigits{{
      {0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
      {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
      {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
      {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
      {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A},
  }};
  return all_characters(text, [&](char32_t c) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND ||
           std::any_of(kDigits.begin(), kDigits.end(), [&](const auto& range) {
             return c >= range.first && c <= range.second;
           });
  });
}

bool is_all_space(std::string_view text) {
  return all_characters(text, is_space);
}

std::string quoted(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
    const char32_t character = code_point_at(text, at);
    if (character == static_cast<unsigned char>(quote) || character == '\\') {
      out += '\\';
      out += static_cast<char>(character);
    } else if (character == '\n') {
      out += "\\n";
    } else if (character == '\r') {
      out += "\\r";
    } else if (character == '\t') {
      out += "\\t";
    } else if (is_printable(character)) {
      out += character_text(text, at);
    } else {
      append_number(out, character);
    }
  }
  out += quote;
  return out;
}

}  // namespace longhaul::jinja
