#include "pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "longhaul/core/error.h"

#include "byte_level.h"
#include "split_pattern.h"
#include "text_growth.h"
#include "token_options.h"
#include "unicode.h"

namespace longhaul {

namespace {

using Step = std::function<void(Words&)>;

// What becomes of the delimiters.
enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

Behavior behavior_of(const Json& json) {
  const std::string& name = json.as_string();
  if (name == "Removed") return Behavior::kRemoved;
  if (name == "Isolated") return Behavior::kIsolated;
  if (name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::kMergedWithNext;
  if (name == "Contiguous") return Behavior::kContiguous;
  refuse(json,
         concat("behavior \"",
                name,
                "\" is not supported; supported are Removed, Isolated, MergedWithPrevious, "
                "MergedWithNext, Contiguous"));
}

struct Part {
  TextRange range;
  bool is_delimiter = false;
};

void drop_delimiters(std::vector<Part>& parts) {
  parts.erase(
      std::remove_if(parts.begin(), parts.end(), [](const Part& p) { return p.is_delimiter; }),
      parts.end());
}

// Joins neighbours where `joins(previous, part)` holds for the flags that they came with.
template <class Joins>
void join_parts(std::vector<Part>& parts, const Joins& joins) {
  std::vector<Part> out;
  bool previous = false;
  for (const Part& part : parts) {
    if (!out.empty() && joins(previous, part.is_delimiter)) {
      out.back().range.end = part.range.end;
    } else {
      out.push_back(part);
    }
    previous = part.is_delimiter;
  }
  parts = std::move(out);
}

void apply_behavior(std::vector<Part>& parts, Behavior behavior) {
  switch (behavior) {
    case Behavior::kIsolated: return;
    case Behavior::kRemoved: drop_delimiters(parts); return;
    case Behavior::kContiguous:
      join_parts(parts, [](bool previous, bool next) { return previous == next; });
      return;
    case Behavior::kMergedWithPrevious:
      join_parts(parts, [](bool previous, bool next) { return next && !previous; });
      return;
    case Behavior::kMergedWithNext: {
      // A delimiter takes what follows it, unless that is a delimiter too.
      join_parts(parts, [](bool previous, bool next) { return previous && !next; });
      return;
    }
  }
}

// Cuts every word. find(text, take) calls take(TextRange) for each delimiter, from left to right;
// with `is_inverted` the delimiters are what lies between.
template <class Find>
void split(Words& words, Behavior behavior, bool is_inverted, const Find& find) {
  std::vector<TextRange> out;
  out.reserve(words.text.size() / 4);
  std::vector<Part> parts;
  for (const TextRange word : words.ranges) {
    const std::string_view text = word.in(words.text);
    parts.clear();
    std::size_t end = 0;
    find(text, [&](TextRange match) {
      if (match.begin > end) parts.push_back({{end, match.begin}, is_inverted});
      parts.push_back({match, !is_inverted});
      end = match.end;
    });
    if (end < text.size()) parts.push_back({{end, text.size()}, is_inverted});
    apply_behavior(parts, behavior);
    for (const Part& part : parts) {
      if (part.range.size() == 0) continue;
      out.push_back({word.begin + part.range.begin, word.begin + part.range.end});
    }
  }
  words.ranges = std::move(out);
}

// Writes every word anew: rewrite(word, is_first, out) appends to `out`.
template <class Rewrite>
void rewrite_words(Words& words, const Rewrite& rewrite) {
  std::string text;
  text.reserve(words.text.size() + words.text.size() / 4 + 1);
  for (TextRange& word : words.ranges) {
    const std::size_t begin = text.size();
    rewrite(word.in(words.text), words.is_at_start && &word == words.ranges.data(), text);
    word = {begin, text.size()};
  }
  words.text = std::move(text);
}

template <class IsDelimiter>
auto find_characters(const IsDelimiter& is_delimiter) {
  return [is_delimiter](std::string_view text, const auto& take) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t next = at + utf8_length(text[at]);
      if (is_delimiter(code_point_at(text, at))) take(TextRange{at, next});
      at = next;
    }
  };
}

auto find_pattern(SplitPattern pattern) {
  return [pattern = std::move(pattern)](std::string_view text, const auto& take) {
    pattern.for_each_match(text, take);
  };
}

// The words of GPT-2: contractions, letters, numbers, the rest, with the space before them.
constexpr std::string_view kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Step parse_byte_level(const Json& json) {
  check_options(json, {"add_prefix_space", "trim_offsets", "use_regex"});
  const bool adds_space = json.as_bool("add_prefix_space");
  const bool splits = json.bool_or("use_regex", true);
  return [adds_space,
          splits,
          find = find_pattern(SplitPattern(Regex(kByteLevelPattern, "ByteLevel")))](Words& words) {
    if (adds_space) {
      rewrite_words(words, [](std::string_view word, bool /*is_first*/, std::string& out) {
        if (word.front() != ' ') out += ' ';
        out += word;
      });
    }
    if (splits) split(words, Behavior::kIsolated, false, find);
    rewrite_words(words, [](std::string_view word, bool /*is_first*/, std::string& out) {
      for (const char c : word) out += byte_character(static_cast<std::uint8_t>(c));
    });
  };
}

// When Metaspace puts its replacement before a word that does not begin with it.
enum class Prepend { kAlways, kFirst, kNever };

Prepend prepend_of(const Json& json) {
  const std::string scheme = json.string_or("prepend_scheme", "always");
  // Older files say it with add_prefix_space.
  if (!json.bool_or("add_prefix_space", true)) {
    if (json.contains("prepend_scheme") && scheme != "never") {
      refuse(json, "add_prefix_space and prepend_scheme disagree");
    }
    return Prepend::kNever;
  }
  if (scheme == "always") return Prepend::kAlways;
  if (scheme == "first") return Prepend::kFirst;
  if (scheme == "never") return Prepend::kNever;
  refuse(
      json,
      concat(
          "prepend_scheme \"", scheme, "\" is not supported; supported are always, first, never"));
}

Step parse_metaspace(const Json& json) {
  check_options(json, {"replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  const char32_t replacement = character_of(json.at("replacement"));
  const Prepend prepend = prepend_of(json);
  const bool splits = json.bool_or("split", true);
  std::string mark;
  append_utf8(mark, replacement);
  return [=](Words& words) {
    rewrite_words(words, [&](std::string_view word, bool is_first, std::string& out) {
      const bool is_marked = word.front() == ' ' || word.substr(0, mark.size()) == mark;
      if (!is_marked && (prepend == Prepend::kAlways || (prepend == Prepend::kFirst && is_first))) {
        out += mark;
      }
      for (const char c : word) {
        if (c == ' ') {
          out += mark;
        } else {
          out += c;
        }
      }
    });
    if (splits) {
      split(words, Behavior::kMergedWithNext, false, find_characters([=](char32_t c) {
              return c == replacement;
            }));
    }
  };
}

Step parse_split(const Json& json) {
  check_options(json, {"pattern", "behavior", "invert"});
  return [find = find_pattern(SplitPattern(json.at("pattern"))),
          behavior = behavior_of(json.at("behavior")),
          is_inverted = json.bool_or("invert", false)](Words& words) {
    split(words, behavior, is_inverted, find);
  };
}

Step parse_digits(const Json& json) {
  check_options(json, {"individual_digits"});
  const Behavior behavior =
      json.as_bool("individual_digits") ? Behavior::kIsolated : Behavior::kContiguous;
  return [behavior](Words& words) { split(words, behavior, false, find_characters(is_numeric)); };
}

Step parse_punctuation(const Json& json) {
  check_options(json, {"behavior"});
  const Behavior behavior =
      json.contains("behavior") ? behavior_of(json.at("behavior")) : Behavior::kIsolated;
  return
      [behavior](Words& words) { split(words, behavior, false, find_characters(is_punctuation)); };
}

Step parse_step(const Json& json) {
  const std::string type = type_of(json);
  if (type == "ByteLevel") return parse_byte_level(json);
  if (type == "Metaspace") return parse_metaspace(json);
  if (type == "Split") return parse_split(json);
  if (type == "Digits") return parse_digits(json);
  if (type == "Punctuation") return parse_punctuation(json);
  if (type == "Whitespace") {
    check_options(json, {});
    return [find = find_pattern(SplitPattern(Regex(
                concat("[", kWordCharacters, "]+|[^", kWordCharacters, "\\s]+"), "Whitespace")))](
               Words& words) { split(words, Behavior::kRemoved, true, find); };
  }
  if (type == "WhitespaceSplit") {
    check_options(json, {});
    return [](Words& words) {
      split(words, Behavior::kRemoved, false, find_characters(is_white_space));
    };
  }
  refuse_type(json,
              "pre-tokenizer",
              "ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, "
              "Sequence");
}

}  // namespace

PreTokenizer::PreTokenizer(const Json& json) {
  for (const Json& step : flatten_sequence(json, "pretokenizers")) {
    if (!steps_.empty() && type_of(step) == "Metaspace" && prepend_of(step) == Prepend::kFirst) {
      refuse(step, "prepend_scheme \"first\" is supported in the first pre-tokenizer only");
    }
    steps_.push_back(parse_step(step));
  }
}

Words PreTokenizer::apply(std::string text, bool is_at_start) const {
  Words words{std::move(text), {}, is_at_start};
  if (!words.text.empty()) words.ranges.push_back({0, words.text.size()});
  const std::size_t size = words.text.size();
  for (const Step& step : steps_) {
    step(words);
    check_growth("pre_tokenizer", size, words.text.size());
  }
  return words;
}

}  // namespace longhaul
