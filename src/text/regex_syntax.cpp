// From the syntax of Oniguruma (its Ruby dialect, which the `tokenizers` package compiles) to that
// of PCRE2 with UTF, UCP, MULTILINE and LF as the only line end. Only constructs with a known equal
// pass: everything else is refused rather than matched differently.
#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "longhaul/core/error.h"

#include "regex.h"
#include "unicode.h"

namespace longhaul {

namespace {

// Oniguruma's word characters: Unicode's without the joiners, and the superscripts and fractions of
// Latin-1. PCRE2's own \w under UCP lacks marks, circled letters and connecting punctuation.
constexpr std::string_view kWordMembers =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr std::string_view kHexMembers = "0-9A-Fa-f";

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kPropertyNames{{
    {"letter", "L"},
    {"mark", "M"},
    {"number", "N"},
    {"punctuation", "P"},
    {"punct", "P"},
    {"symbol", "S"},
    {"separator", "Z"},
    {"other", "C"},
    {"digit", "Nd"},
    {"alpha", "Alphabetic"},
    {"alphabetic", "Alphabetic"},
    {"space", "White_Space"},
    {"upper", "Uppercase"},
    {"lower", "Lowercase"},
}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return out;
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& place)
      : pattern_(pattern), place_(place) {}

  std::string translate() {
    refuse_long_case_folds();
    translate_alternatives();
    if (at_ != pattern_.size()) fail("unmatched )");
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw FormatError(concat(place_,
                             ": regular expression \"",
                             pattern_,
                             "\": ",
                             what,
                             " at byte ",
                             at_,
                             " is not supported"));
  }

  bool is_at(std::string_view what) const { return pattern_.substr(at_, what.size()) == what; }
  bool take(std::string_view what) {
    if (!is_at(what)) return false;
    at_ += what.size();
    return true;
  }
  char take_byte(std::string_view in) {
    if (at_ == pattern_.size()) fail(concat("the end of the pattern in ", in));
    return pattern_[at_++];
  }
  void copy_character() {
    const std::size_t length = utf8_length(pattern_[at_]);
    out_ += pattern_.substr(at_, length);
    at_ += length;
  }

  // Without regard to case, Oniguruma matches these to one character (ß, ligatures), PCRE2 does
  // not.
  void refuse_long_case_folds() const {
    if (pattern_.find("(?i") == std::string_view::npos) return;
    const std::string folded = lower_case(pattern_);
    for (const std::string_view pair : {"ss", "ff", "fi", "fl", "st", "ß"}) {
      if (folded.find(pair) != std::string::npos) fail(concat("(?i) with \"", pair, "\""));
    }
  }

  void translate_alternatives() {
    while (at_ < pattern_.size() && pattern_[at_] != ')') {
      const std::size_t atom = out_.size();
      if (translate_atom()) translate_quantifier(atom);
    }
  }

  // False when what was read cannot be repeated.
  bool translate_atom() {
    switch (pattern_[at_]) {
      case '|':
      case '^':
      case '$': out_ += pattern_[at_++]; return false;
      case '(': return translate_group();
      case '[': translate_class(); return true;
      case '\\': return translate_escape();
      case '*':
      case '+':
      case '?': fail("a repetition of nothing");
      case '{':
        out_ += "\\{";
        ++at_;
        return true;
      default: copy_character(); return true;
    }
  }

  bool translate_group() {
    static constexpr std::array<std::string_view, 5> kLookarounds{
        "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    bool is_repeatable = true;
    if (const auto* opening = std::find_if(kLookarounds.begin(),
                                           kLookarounds.end(),
                                           [this](std::string_view o) { return is_at(o); });
        opening != kLookarounds.end()) {
      at_ += opening->size();
      out_ += *opening;
      is_repeatable = *opening == "(?>";
    } else if (take("(?i:")) {
      out_ += "(?i:";
    } else if (at_ == 0 && take("(?i)")) {
      out_ += "(?i)";
      return false;
    } else if (take("(?:") || (!is_at("(?") && take("("))) {
      out_ += "(?:";  // nothing refers back, so no group captures
    } else {
      fail(concat("the group ", pattern_.substr(at_, 4)));
    }
    if (++depth_ > kLargestDepth) fail("nesting this deep");
    translate_alternatives();
    --depth_;
    if (!take(")")) fail("a group without end");
    out_ += ')';
    return is_repeatable;
  }

  // What an escape stands for, if it stands for one character.
  bool translate_character_escape(char kind) {
    switch (kind) {
      case 't': out_ += R"(\x{09})"; return true;
      case 'n': out_ += R"(\x{0A})"; return true;
      case 'v': out_ += R"(\x{0B})"; return true;
      case 'f': out_ += R"(\x{0C})"; return true;
      case 'r': out_ += R"(\x{0D})"; return true;
      case 'a': out_ += R"(\x{07})"; return true;
      case 'e': out_ += R"(\x{1B})"; return true;
      case 'x': translate_hexadecimal(take("{") ? 0 : 2); return true;
      case 'u': translate_hexadecimal(4); return true;
      default: break;
    }
    if (is_ascii_letter(kind) || is_digit(kind)) return false;
    if (static_cast<unsigned char>(kind) >= 0x80) {
      --at_;
      copy_character();
    } else {
      out_ += '\\';
      out_ += kind;
    }
    return true;
  }

  // `digits` of them, or as many as there are before a closing brace when 0.
  void translate_hexadecimal(std::size_t digits) {
    const std::size_t end = digits > 0 ? at_ + digits : pattern_.find('}', at_);
    if (end == std::string_view::npos || end > pattern_.size() || end == at_ || end > at_ + 6) {
      fail("a malformed code point");
    }
    const std::string_view number = pattern_.substr(at_, end - at_);
    if (number.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      fail("a malformed code point");
    }
    out_ += concat(R"(\x{)", number, '}');
    at_ = digits > 0 ? end : end + 1;
  }

  // \s, \d, \h, \w, \p and their opposites; `in_class` inside brackets.
  bool translate_class_escape(char kind, bool in_class) {
    const auto members = [&](std::string_view all, bool is_negated) {
      if (in_class && is_negated) fail(concat("\\", kind, " in brackets"));
      out_ += in_class ? std::string(all) : concat(is_negated ? "[^" : "[", all, ']');
    };
    switch (kind) {
      case 's': out_ += R"(\p{White_Space})"; return true;
      case 'S': out_ += R"(\P{White_Space})"; return true;
      case 'd': out_ += R"(\p{Nd})"; return true;
      case 'D': out_ += R"(\P{Nd})"; return true;
      case 'w': members(kWordMembers, false); return true;
      case 'W': members(kWordMembers, true); return true;
      case 'h': members(kHexMembers, false); return true;
      case 'H': members(kHexMembers, true); return true;
      case 'p': translate_property(false); return true;
      case 'P': translate_property(true); return true;
      default: return false;
    }
  }

  void translate_property(bool is_negated) {
    const std::size_t end = pattern_.find('}', at_);
    if (!take("{") || end == std::string_view::npos) fail("a malformed property");
    if (take("^")) is_negated = !is_negated;
    const std::string_view name = pattern_.substr(at_, end - at_);
    if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) {
          return is_ascii_letter(c) || c == '_';
        })) {
      fail("a malformed property");
    }
    at_ = end + 1;
    out_ += concat(is_negated ? R"(\P{)" : R"(\p{)", property_name(name), '}');
  }

  static std::string property_name(std::string_view name) {
    const std::string folded = lower_case(name);
    const auto* known = std::find_if(kPropertyNames.begin(),
                                     kPropertyNames.end(),
                                     [&](const auto& entry) { return entry.first == folded; });
    if (known != kPropertyNames.end()) return std::string(known->second);
    if (name.size() <= 2) {  // a general category
      std::string category = folded;
      category[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(category[0])));
      return category;
    }
    // A script's name alone means the wider script extensions to PCRE2.
    return concat("sc:", name);
  }

  bool translate_escape() {
    ++at_;
    const char kind = take_byte("an escape");
    if (translate_class_escape(kind, false) || translate_character_escape(kind)) return true;
    switch (kind) {
      case 'A': out_ += R"(\A)"; return false;
      case 'z': out_ += R"(\z)"; return false;
      case 'Z': out_ += R"(\Z)"; return false;
      case 'b':
      case 'B': translate_word_boundary(kind == 'B'); return false;
      default: at_ -= 2; fail(concat("\\", kind));
    }
  }

  void translate_word_boundary(bool is_negated) {
    const std::string word = concat('[', kWordMembers, ']');
    const std::string_view same = is_negated ? "=" : "!";
    const std::string_view other = is_negated ? "!" : "=";
    out_ += concat("(?:(?<=", word, ")(?", same, word, ")|(?<!", word, ")(?", other, word, "))");
  }

  void translate_class() {
    out_ += '[';
    ++at_;
    if (take("^")) out_ += '^';
    if (is_at("]")) fail("an empty class");
    while (!take("]")) {
      if (at_ == pattern_.size()) fail("a class without end");
      if (is_at("&&")) fail("an intersection of classes");
      if (is_at("[")) fail("a class in a class");
      if (!take("\\")) {
        copy_character();
        continue;
      }
      const char kind = take_byte("an escape");
      if (translate_class_escape(kind, true) || translate_character_escape(kind)) continue;
      at_ -= 2;
      fail(concat("\\", kind, " in brackets"));
    }
    out_ += ']';
  }

  void translate_quantifier(std::size_t atom) {
    if (at_ == pattern_.size()) return;
    const char kind = pattern_[at_];
    if (kind == '*' || kind == '+' || kind == '?') {
      out_ += kind;
      ++at_;
      if (is_at("?") || is_at("+")) out_ += pattern_[at_++];  // lazy, possessive
    } else if (kind != '{' || !translate_interval(atom)) {
      return;
    }
    if (is_at("*") || is_at("+") || is_at("?")) fail("a repetition of a repetition");
    if (const std::size_t here = at_; is_at("{") && translate_interval(atom)) {
      at_ = here;
      fail("a repetition of a repetition");
    }
  }

  // {n}, {n,}, {n,m}, {,m}; anything else in braces is text.
  bool translate_interval(std::size_t atom) {
    std::size_t i = at_ + 1;
    const auto digits = [&] {
      const std::size_t from = i;
      while (i < pattern_.size() && is_digit(pattern_[i])) ++i;
      return pattern_.substr(from, i - from);
    };
    const std::string_view least = digits();
    const bool has_comma = i < pattern_.size() && pattern_[i] == ',';
    if (has_comma) ++i;
    const std::string_view most = has_comma ? digits() : std::string_view();
    if (i >= pattern_.size() || pattern_[i] != '}' || (least.empty() && most.empty())) return false;
    at_ = i + 1;
    out_ += concat('{', least.empty() ? "0" : least, has_comma ? "," : "", most, '}');
    if (take("?")) {
      if (!has_comma) fail("{n}?");
      out_ += '?';
    } else if (take("+")) {  // not possessive in this dialect: a repetition of the repetition
      out_.insert(atom, "(?:");
      out_ += ")+";
    }
    return true;
  }

  static constexpr int kLargestDepth = 100;

  std::string_view pattern_;
  const std::string& place_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string out_;
};

}  // namespace

std::string to_pcre2_syntax(std::string_view pattern, const std::string& place) {
  return Translator(pattern, place).translate();
}

}  // namespace longhaul
