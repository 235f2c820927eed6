#include "unicode.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"

namespace longhaul {

namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

struct ByteRange {
  unsigned lowest = 0x80;
  unsigned highest = 0xBF;
};

// What may follow the first byte of a character of several.
ByteRange second_bytes(unsigned lead) {
  switch (lead) {
    case 0xE0: return {.lowest = 0xA0};   // else overlong
    case 0xED: return {.highest = 0x9F};  // else a surrogate
    case 0xF0: return {.lowest = 0x90};   // else overlong
    case 0xF4: return {.highest = 0x8F};  // else above U+10FFFF
    default: return {};
  }
}

// Length of the longest prefix of text[at..] that is a valid character, or the beginning of one.
std::size_t maximal_subpart(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  if (lead < 0xC2 || lead > 0xF4) return 1;
  const std::size_t length = utf8_length(text[at]);
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i == text.size()) return i;
    const ByteRange valid = i == 1 ? second_bytes(lead) : ByteRange{};
    const unsigned byte = byte_at(text, at + i);
    if (byte < valid.lowest || byte > valid.highest) return i;
  }
  return length;
}

utf8proc_option_t options_of(NormalForm form) {
  switch (form) {
    case NormalForm::kNfc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case NormalForm::kNfd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case NormalForm::kNfkc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case NormalForm::kNfkd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  }
  return UTF8PROC_STABLE;
}

void append_normalized(std::string& out, std::string_view text, utf8proc_option_t options) {
  struct Free {
    void operator()(utf8proc_uint8_t* memory) const noexcept { std::free(memory); }
  };
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()),
                   &raw,
                   options);
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(raw);
  if (length < 0) throw Error(concat("normalisation: ", utf8proc_errmsg(length)));
  out.append(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(length));
}

}  // namespace

char32_t code_point_at(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  const auto tail = [&](std::size_t i) { return byte_at(text, at + i) & 0x3FU; };
  switch (utf8_length(text[at])) {
    case 1: return lead;
    case 2: return (lead & 0x1FU) << 6U | tail(1);
    case 3: return (lead & 0x0FU) << 12U | tail(1) << 6U | tail(2);
    default: return (lead & 0x07U) << 18U | tail(1) << 12U | tail(2) << 6U | tail(3);
  }
}

std::size_t previous_character(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (byte_at(text, at) & 0xC0U) == 0x80U) --at;
  return at;
}

void append_utf8(std::string& out, char32_t character) {
  const auto c = static_cast<std::uint32_t>(character);
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  if (c < 0x800) {
    out += static_cast<char>(0xC0U | c >> 6U);
  } else {
    if (c < 0x10000) {
      out += static_cast<char>(0xE0U | c >> 12U);
    } else {
      out += static_cast<char>(0xF0U | c >> 18U);
      out += static_cast<char>(0x80U | (c >> 12U & 0x3FU));
    }
    out += static_cast<char>(0x80U | (c >> 6U & 0x3FU));
  }
  out += static_cast<char>(0x80U | (c & 0x3FU));
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = maximal_subpart(text, at);
    const std::string_view part = text.substr(at, length);
    out += is_utf8(part) ? part : kReplacementCharacter;
    at += length;
  }
  return out;
}

std::size_t complete_length(std::string_view bytes) {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const std::size_t at = bytes.size() - back;
    if (byte_at(bytes, at) >= 0xC0 && maximal_subpart(bytes, at) == back &&
        back < utf8_length(bytes[at])) {
      // A byte that begins no character is a maximal subpart too, and complete.
      const unsigned lead = byte_at(bytes, at);
      return lead < 0xC2 || lead > 0xF4 ? bytes.size() : at;
    }
  }
  return bytes.size();
}

bool is_white_space(char32_t character) {
  return (character >= 0x09 && character <= 0x0D) || character == 0x20 || character == 0x85 ||
         character == 0xA0 || character == 0x1680 || (character >= 0x2000 && character <= 0x200A) ||
         character == 0x2028 || character == 0x2029 || character == 0x202F || character == 0x205F ||
         character == 0x3000;
}

bool is_numeric(char32_t character) {
  if (character < 0x80) return character >= '0' && character <= '9';
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
  }
}

bool is_punctuation(char32_t character) {
  if (character < 0x80) {
    return character > 0x20 && character < 0x7F && !(character >= '0' && character <= '9') &&
           !(character >= 'A' && character <= 'Z') && !(character >= 'a' && character <= 'z');
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
  }
}

std::string to_lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) {
    const char32_t character = code_point_at(text, at);
    if (character == 0x130) {  // the only one whose lower case is two characters
      out += "i\xCC\x87";
    } else {
      append_utf8(
          out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character))));
    }
  }
  return out;
}

std::string to_normal_form(std::string_view text, NormalForm form) {
  // ASCII is its own normal form and composes only with marks that follow it, so that only runs of
  // other characters, each with the one ASCII character before it, need the slow way.
  const utf8proc_option_t options = options_of(form);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto* const begin = text.data() + at;
    const auto* const end = text.data() + text.size();
    const auto* const run = std::find_if_not(begin, end, is_ascii);
    if (run == end) {
      out.append(begin, end);
      break;
    }
    const auto* const run_end = std::find_if(run, end, is_ascii);
    const auto* const from = run == begin ? run : run - 1;
    out.append(begin, from);
    append_normalized(
        out, std::string_view(from, static_cast<std::size_t>(run_end - from)), options);
    at = static_cast<std::size_t>(run_end - text.data());
  }
  return out;
}

}  // namespace longhaul
