// Patterns of Oniguruma, as the `tokenizers` package matches them: what Split(..., "isolated") of
// version 0.23.3 makes of the texts below.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "src/text/regex.h"
#include "src/text/split_pattern.h"

namespace longhaul {
namespace {

using Parts = std::vector<std::string>;

// The text cut before and after each match.
Parts split(const std::string& pattern, const std::string& text) {
  Parts parts;
  const auto add = [&](std::size_t begin, std::size_t end) {
    if (begin < end) parts.push_back(text.substr(begin, end - begin));
  };
  std::size_t done = 0;
  SplitPattern(Regex(pattern, "test")).for_each_match(text, [&](TextRange match) {
    add(done, match.begin);
    add(match.begin, match.end);
    done = match.end;
  });
  add(done, text.size());
  return parts;
}

struct Case {
  std::string pattern;
  std::string text;
  Parts parts;
};

class RegexCases : public testing::TestWithParam<Case> {};

TEST_P(RegexCases, MatchesLikeOniguruma) {
  EXPECT_EQ(split(GetParam().pattern, GetParam().text), GetParam().parts) << GetParam().pattern;
}

INSTANTIATE_TEST_SUITE_P(Anchors,
                         RegexCases,
                         testing::Values(Case{"^a", "b\na\nab", {"b\n", "a", "\n", "a", "b"}},
                                         Case{"b$", "ab\nb\n", {"a", "b", "\n", "b", "\n"}},
                                         Case{"\\Z", "a\n", {"a", "\n"}},
                                         Case{
                                             "a.b", "a\nb axb a\rb", {"a\nb ", "axb", " ", "a\rb"}},
                                         Case{"\\bab\\b", "ab abc", {"ab", " abc"}}));

INSTANTIATE_TEST_SUITE_P(
    Classes,
    RegexCases,
    testing::Values(Case{"\\h+", "ab xyz f0", {"ab", " xyz ", "f0"}},
                    Case{"\\v", "a\vb\nc\u2028d", {"a", "\v", "b\nc\u2028d"}},
                    Case{"\\s+", "a\u180Eb\u00A0\u3000c", {"a\u180Eb", "\u00A0\u3000", "c"}},
                    Case{
                        "\\w+", "a_\u00B2\u0301\u24B6-\u2460", {"a_\u00B2\u0301\u24B6", "-\u2460"}},
                    Case{"\\p{^L}+", "ab12", {"ab", "12"}},
                    Case{"\\p{Letter}+", "ab12", {"ab", "12"}},
                    Case{"\\p{han}+", "a\u6F22\u5B57", {"a", "\u6F22\u5B57"}},
                    // A script, not its extensions.
                    Case{"\\p{Hiragana}+", "\u3042\u30FC", {"\u3042", "\u30FC"}},
                    Case{"[a\\]b]", "]", {"]"}},
                    Case{"[\\s\\S]", "a\n", {"a", "\n"}}));

INSTANTIATE_TEST_SUITE_P(
    Repetitions,
    RegexCases,
    testing::Values(Case{"a{1,2}+", "aaaaa b", {"aaaaa", " b"}},  // not possessive
                    Case{"[a-c]{2,}+", "abcabcab", {"abcabcab"}},
                    Case{"a++b", "aaab", {"aaab"}},
                    Case{"a?+a", "aaa", {"aa", "a"}},
                    Case{"a{,2}", "aaaab", {"aa", "aa", "b"}},
                    Case{"a{", "a{", {"a{"}},
                    Case{"a{x}", "a{x}", {"a{x}"}},
                    Case{"b*", "abba", {"a", "bb", "a"}},
                    Case{"(?=b)", "abab", {"a", "ba", "b"}}));

INSTANTIATE_TEST_SUITE_P(
    Cases,
    RegexCases,
    testing::Values(Case{"(?i:s)", "sS\u017Fx", {"s", "S", "\u017F", "x"}},
                    Case{"(?i:k)", "kK\u212A", {"k", "K", "\u212A"}},
                    Case{"(?i)ab|cd", "AB CD", {"AB", " ", "CD"}},
                    Case{"(?i:'s|'t|'re|'ve|'m|'ll|'d)", "it'S'LL", {"it", "'S", "'LL"}}));

class RefusedPatterns : public testing::TestWithParam<std::string> {};

TEST_P(RefusedPatterns, AreNotMatchedDifferentlyButRefused) {
  EXPECT_THROW(Regex(GetParam(), "test"), FormatError);
}

INSTANTIATE_TEST_SUITE_P(Patterns,
                         RefusedPatterns,
                         testing::Values("[a&&b]",
                                         "[[:alpha:]]",
                                         "[a[b]]",
                                         "[]a]",
                                         "(a)\\1",
                                         "(?<n>a)\\k<n>",
                                         "a\\Kb",
                                         "(?~ab)",
                                         "(?x) a",
                                         "(?m)a.b",
                                         "x(?i)ab",
                                         "(?i)stra\u00DFe",
                                         "a{2}?",
                                         "a+*",
                                         "a{1,2}{2}",
                                         "\\G",
                                         "\\R",
                                         "[\\W_]",
                                         "(a",
                                         "a)",
                                         "[a",
                                         "*a",
                                         "\\",
                                         "\\x{110000}",
                                         "\\x{}",
                                         "\\p{L",
                                         "\\p{Klingon}"));

TEST(Regex, SaysWhereThePatternStandsAndWhatIsWrong) {
  try {
    Regex("a[b&&c]", "tokenizer.json: pre_tokenizer");
    FAIL() << "expected FormatError";
  } catch (const FormatError& error) {
    EXPECT_STREQ(
        error.what(),
        "tokenizer.json: pre_tokenizer: regular expression \"a[b&&c]\": an intersection of "
        "classes at byte 3 is not supported");
  }
}

TEST(Regex, RefusesNestingThatWouldExhaustTheStack) {
  EXPECT_THROW(Regex(std::string(100'000, '('), "test"), FormatError);
}

TEST(Regex, MatchesALongTextThatNeedsMoreThanTheFirstStack) {
  const std::string text(300'000, 'a');

  EXPECT_EQ(split("(?:a|b)+", text), Parts{text});
}

TEST(Regex, FailsWhenAPatternBacktracksWithoutEnd) {
  const Regex regex("(?:a|aa)+$", "tokenizer.json");

  EXPECT_THROW(regex.search(std::string(60, 'a') + "b", 0), Error);
}

}  // namespace
}  // namespace longhaul
