#include "jinja_lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "longhaul/core/error.h"

#include "jinja_text.h"
#include "unicode.h"

namespace longhaul::jinja {

namespace {

// The whole source with \n as the only line end, less one line end at the very end.
std::string with_plain_line_ends(std::string_view source) {
  std::string plain;
  plain.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      plain += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      plain += source[i];
    }
  }
  if (plain.ends_with('\n')) plain.pop_back();
  return plain;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_character(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (static_cast<unsigned char>(c) >= 0x80) return is_alphanumeric(character_text(text, at));
  return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_octal_digit(char c) {
  return c >= '0' && c <= '7';
}

// One to three octal digits.
std::uint32_t take_octal(std::string_view ascii, std::size_t& at) {
  std::uint32_t character = 0;
  for (int i = 0; i < 3 && at < ascii.size() && is_octal_digit(ascii[at]); ++i, ++at) {
    character = character << 3U | static_cast<std::uint32_t>(ascii[at] - '0');
  }
  return character;
}

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view template_name)
      : source_(with_plain_line_ends(source)), rest_(source_), template_name_(template_name) {}

  std::vector<Token> run();

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw FormatError(concat(template_name_, ", line ", line_, ": ", what));
  }

  // Takes `size` bytes off the rest and counts their lines.
  std::string_view take(std::size_t size);
  bool accept(std::string_view text);
  void skip_space();
  void add(Token::Kind kind, std::string_view text = {}) {
    tokens_.push_back({kind, line_, std::string(text)});
  }

  void take_text(std::size_t size, char sign, bool strips_indentation);
  void take_tag();
  void take_comment();
  bool take_raw();
  void take_inside(Token::Kind end_kind, std::string_view end);
  bool take_end(Token::Kind end_kind, std::string_view end);
  void take_name_or_number();
  bool take_float();
  void take_integer();
  void take_string();
  void take_operator();
  std::string unescape(std::string_view literal) const;
  std::string unescape_ascii(std::string_view ascii) const;
  std::uint32_t take_hexadecimal(char kind, std::string_view ascii, std::size_t& at) const;
  void append_escape(std::string& out, std::string_view ascii, std::size_t& at) const;

  const std::string source_;
  std::string_view rest_;
  std::string_view template_name_;
  int line_ = 1;
  bool at_line_start_ = true;
  std::string open_brackets_;
  std::vector<Token> tokens_;
};

std::string_view Lexer::take(std::size_t size) {
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
  if (!taken.empty()) at_line_start_ = taken.back() == '\n';
  return taken;
}

bool Lexer::accept(std::string_view text) {
  if (!rest_.starts_with(text)) return false;
  take(text.size());
  return true;
}

void Lexer::skip_space() {
  take(rest_.size() - strip(rest_, Side::kLeft).size());
}

std::vector<Token> Lexer::run() {
  while (!rest_.empty()) {
    std::size_t tag = 0;
    while ((tag = rest_.find('{', tag)) != std::string_view::npos) {
      const char next = tag + 1 < rest_.size() ? rest_[tag + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') break;
      ++tag;
    }
    if (tag == std::string_view::npos) {
      add(Token::Kind::kText, rest_);
      take(rest_.size());
      break;
    }
    const char sign = tag + 2 < rest_.size() ? rest_[tag + 2] : '\0';
    take_text(tag, sign, rest_[tag + 1] != '{');
    take_tag();
  }
  add(Token::Kind::kEnd);
  return std::move(tokens_);
}

// The text before a tag, less the white space that the tag takes.
void Lexer::take_text(std::size_t size, char sign, bool strips_indentation) {
  std::string_view text = rest_.substr(0, size);
  if (sign == '-') {
    text = strip(text, Side::kRight);
  } else if (sign != '+' && strips_indentation) {
    const std::size_t newline = text.rfind('\n');
    const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
    if ((line_begin > 0 || at_line_start_) && strip(text.substr(line_begin), Side::kLeft).empty()) {
      text = text.substr(0, line_begin);
    }
  }
  if (!text.empty()) add(Token::Kind::kText, text);
  take(size);
}

void Lexer::take_tag() {
  if (rest_.starts_with("{#")) {
    take_comment();
  } else if (rest_.starts_with("{{")) {
    add(Token::Kind::kVariableBegin);
    take(2);
    if (!accept("-")) accept("+");
    take_inside(Token::Kind::kVariableEnd, "}}");
  } else if (!take_raw()) {
    add(Token::Kind::kBlockBegin);
    take(2);
    if (!accept("-")) accept("+");
    take_inside(Token::Kind::kBlockEnd, "%}");
  }
}

void Lexer::take_comment() {
  take(2);
  if (!accept("-")) accept("+");
  const std::size_t end = rest_.find("#}");
  if (end == std::string_view::npos) fail("a comment has no end");
  const char sign = end > 0 ? rest_[end - 1] : '\0';
  take(end + 2);
  if (sign == '-') {
    skip_space();
  } else if (sign != '+') {
    accept("\n");
  }
}

// {% raw %} to {% endraw %}; false where something else begins.
bool Lexer::take_raw() {
  // The length of "{%- name" with its white space at the beginning of `text`, or 0.
  const auto opening = [](std::string_view text, std::string_view name) -> std::size_t {
    std::string_view after = text.substr(2);
    if (after.starts_with('-') || after.starts_with('+')) after.remove_prefix(1);
    after = strip(after, Side::kLeft);
    if (!after.starts_with(name)) return 0;
    after.remove_prefix(name.size());
    return text.size() - strip(after, Side::kLeft).size();
  };
  const std::size_t head = opening(rest_, "raw");
  const std::string_view after = rest_.substr(head);
  const bool strips = after.starts_with("-%}");
  if (head == 0 || !(strips || after.starts_with("%}"))) return false;
  take(head + (strips ? 3 : 2));
  if (strips) skip_space();
  for (std::size_t at = 0; (at = rest_.find("{%", at)) != std::string_view::npos; at += 2) {
    const std::size_t tail = opening(rest_.substr(at), "endraw");
    const std::string_view end = rest_.substr(at + tail);
    if (tail == 0) continue;
    if (!end.starts_with("%}") && !end.starts_with("-%}") && !end.starts_with("+%}")) continue;
    take_text(at, rest_[at + 2], true);
    take(tail);
    if (accept("-%}")) {
      skip_space();
    } else if (!accept("+%}")) {
      accept("%}");
      accept("\n");
    }
    return true;
  }
  fail("a raw block has no end");
}

void Lexer::take_inside(Token::Kind end_kind, std::string_view end) {
  open_brackets_.clear();
  while (true) {
    if (open_brackets_.empty() && take_end(end_kind, end)) return;
    if (rest_.empty()) fail(concat("the template ends inside a tag, expected ", end));
    const std::size_t length = utf8_length(rest_.front());
    if (is_space(code_point_at(rest_, 0))) {
      take(length);
    } else if (rest_.front() == '\'' || rest_.front() == '"') {
      take_string();
    } else if (is_name_character(rest_, 0)) {
      take_name_or_number();
    } else {
      take_operator();
    }
  }
}

bool Lexer::take_end(Token::Kind end_kind, std::string_view end) {
  const int line = line_;
  if (rest_.starts_with('-') && rest_.substr(1).starts_with(end)) {
    take(1 + end.size());
    skip_space();
  } else if (end_kind == Token::Kind::kBlockEnd && rest_.starts_with("+%}")) {
    take(3);
  } else if (rest_.starts_with(end)) {
    take(end.size());
    if (end_kind == Token::Kind::kBlockEnd) accept("\n");
  } else {
    return false;
  }
  tokens_.push_back({end_kind, line});
  return true;
}

void Lexer::take_name_or_number() {
  if (is_digit(rest_.front())) {
    if (!take_float()) take_integer();
    return;
  }
  std::size_t size = 0;
  while (size < rest_.size() && is_name_character(rest_, size)) size += utf8_length(rest_[size]);
  if (static_cast<unsigned char>(rest_.front()) >= 0x80 &&
      !is_alphabetic(character_text(rest_, 0))) {
    fail("a name begins with a character that no name has");
  }
  add(Token::Kind::kName, rest_.substr(0, size));
  take(size);
}

// Length of a run of digits of `base` at the front of `text`, single underscores between them.
std::size_t digits_length(std::string_view text, int base) {
  const auto is_digit_at = [&](std::size_t i) {
    const int digit = i < text.size() ? hex_digit(text[i]) : -1;
    return digit >= 0 && digit < base;
  };
  std::size_t size = 0;
  while (is_digit_at(size) ||
         (size > 0 && size < text.size() && text[size] == '_' && is_digit_at(size + 1))) {
    ++size;
  }
  return size;
}

std::string without_underscores(std::string_view text) {
  std::string plain(text);
  std::erase(plain, '_');
  return plain;
}

bool Lexer::take_float() {
  // After a dot digits are an index: x.0.1
  const auto consumed = static_cast<std::size_t>(rest_.data() - source_.data());
  if (consumed > 0 && source_[consumed - 1] == '.') return false;
  std::size_t size = digits_length(rest_, 10);
  bool is_float = false;
  if (size < rest_.size() && rest_[size] == '.') {
    const std::size_t fraction = digits_length(rest_.substr(size + 1), 10);
    if (fraction > 0) {
      size += 1 + fraction;
      is_float = true;
    }
  }
  if (size < rest_.size() && (rest_[size] == 'e' || rest_[size] == 'E')) {
    std::size_t sign = size + 1;
    if (sign < rest_.size() && (rest_[sign] == '+' || rest_[sign] == '-')) ++sign;
    const std::size_t exponent = digits_length(rest_.substr(std::min(sign, rest_.size())), 10);
    if (exponent > 0) {
      size = sign + exponent;
      is_float = true;
    }
  }
  if (!is_float) return false;
  const std::string digits = without_underscores(rest_.substr(0, size));
  double number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (result.ec != std::errc{}) fail(concat("the number ", digits, " is out of range"));
  tokens_.push_back({Token::Kind::kFloat, line_, {}, 0, number});
  take(size);
  return true;
}

void Lexer::take_integer() {
  int base = 10;
  std::size_t prefix = 0;
  if (rest_.size() > 2 && rest_[0] == '0') {
    const char letter = static_cast<char>(rest_[1] | 0x20);
    const int wanted = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    const std::size_t digits_at = rest_[2] == '_' ? 3 : 2;
    if (wanted != 10 && digits_length(rest_.substr(digits_at), wanted) > 0) {
      base = wanted;
      prefix = digits_at;
    }
  }
  std::size_t size = prefix + digits_length(rest_.substr(prefix), base);
  // A decimal number does not begin with 0, unless it is 0 or 00 or 0_0.
  if (base == 10 && rest_[0] == '0') size = std::min(size, rest_.find_first_not_of("0_"));
  const std::string digits = without_underscores(rest_.substr(prefix, size - prefix));
  std::int64_t integer = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), integer, base);
  if (result.ec != std::errc{}) fail(concat("the integer ", digits, " needs more than 64 bits"));
  tokens_.push_back({Token::Kind::kInteger, line_, {}, integer});
  take(size);
}

void Lexer::take_string() {
  const char quote = rest_.front();
  std::size_t end = 1;
  while (end < rest_.size() && rest_[end] != quote) end += rest_[end] == '\\' ? 2 : 1;
  if (end >= rest_.size()) fail("a string has no end");
  add(Token::Kind::kString, unescape(rest_.substr(1, end - 1)));
  take(end + 1);
}

// Jinja writes what is not ASCII as an escape before it resolves escapes, so that a backslash
// before such a character spoils it; published templates do not do that, but the meaning is
// defined.
std::string Lexer::unescape(std::string_view literal) const {
  if (literal.find('\\') == std::string_view::npos) return std::string(literal);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string ascii;
  for (std::size_t at = 0; at < literal.size(); at += utf8_length(literal[at])) {
    const auto character = static_cast<std::uint32_t>(code_point_at(literal, at));
    if (character < 0x80) {
      ascii += static_cast<char>(character);
      continue;
    }
    const int width = character < 0x100 ? 2 : character < 0x10000 ? 4 : 8;
    ascii += '\\';
    ascii += width == 2 ? 'x' : width == 4 ? 'u' : 'U';
    for (int shift = 4 * (width - 1); shift >= 0; shift -= 4) {
      ascii += kDigits[character >> static_cast<unsigned>(shift) & 0xFU];
    }
  }
  return unescape_ascii(ascii);
}

std::string Lexer::unescape_ascii(std::string_view ascii) const {
  std::string out;
  out.reserve(ascii.size());
  for (std::size_t at = 0; at < ascii.size();) {
    if (ascii[at] != '\\') {
      out += ascii[at++];
    } else {
      ++at;  // a literal never ends in a single backslash: it would escape the quote
      append_escape(out, ascii, at);
    }
  }
  return out;
}

// The digits of \xhh, \uhhhh or \Uhhhhhhhh.
std::uint32_t Lexer::take_hexadecimal(char kind, std::string_view ascii, std::size_t& at) const {
  const int width = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
  std::uint32_t character = 0;
  for (int i = 0; i < width; ++i, ++at) {
    const int digit = at < ascii.size() ? hex_digit(ascii[at]) : -1;
    if (digit < 0) fail(concat("the escape \\", kind, " needs ", width, " hexadecimal digits"));
    character = character << 4U | static_cast<std::uint32_t>(digit);
  }
  return character;
}

// What stands behind a backslash, beginning at `at`.
void Lexer::append_escape(std::string& out, std::string_view ascii, std::size_t& at) const {
  constexpr std::array<std::pair<char, char>, 10> kSimple{{{'n', '\n'},
                                                           {'t', '\t'},
                                                           {'r', '\r'},
                                                           {'\\', '\\'},
                                                           {'\'', '\''},
                                                           {'"', '"'},
                                                           {'a', '\a'},
                                                           {'b', '\b'},
                                                           {'f', '\f'},
                                                           {'v', '\v'}}};
  const char kind = ascii[at++];
  const auto* const simple =
      std::find_if(kSimple.begin(), kSimple.end(), [&](auto pair) { return pair.first == kind; });
  if (simple != kSimple.end()) {
    out += simple->second;
    return;
  }
  if (kind == '\n') return;
  if (kind == 'N') fail("the escape \\N{...} is not supported in chat templates");
  const bool is_hexadecimal = kind == 'x' || kind == 'u' || kind == 'U';
  if (!is_hexadecimal && !is_octal_digit(kind)) {
    out += '\\';
    out += kind;
    return;
  }
  const std::uint32_t character =
      is_hexadecimal ? take_hexadecimal(kind, ascii, at) : take_octal(ascii, --at);
  if (character > 0x10FFFF || (character >= 0xD800 && character < 0xE000)) {
    fail("a string escape stands for no Unicode character");
  }
  append_utf8(out, static_cast<char32_t>(character));
}

void Lexer::take_operator() {
  constexpr std::array<std::string_view, 26> kOperators{
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  const auto* const op = std::find_if(
      kOperators.begin(), kOperators.end(), [&](auto text) { return rest_.starts_with(text); });
  if (op == kOperators.end()) {
    fail(concat("unexpected character ", quoted(character_text(rest_, 0))));
  }
  const char c = op->front();
  if (c == '(' || c == '[' || c == '{') {
    open_brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
  } else if (c == ')' || c == ']' || c == '}') {
    if (open_brackets_.empty()) fail(concat("unexpected '", c, "'"));
    if (open_brackets_.back() != c) {
      fail(concat("unexpected '", c, "', expected '", open_brackets_.back(), "'"));
    }
    open_brackets_.pop_back();
  }
  add(Token::Kind::kOperator, *op);
  take(op->size());
}

}  // namespace

std::vector<Token> tokenize(std::string_view source, std::string_view template_name) {
  return Lexer(source, template_name).run();
}

}  // namespace longhaul::jinja
