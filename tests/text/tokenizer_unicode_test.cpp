#include <string>

#include <gtest/gtest.h>

#include "longhaul/core/utf8.h"

#include "src/text/unicode.h"

namespace longhaul {
namespace {

TEST(ReplaceInvalidUtf8, FollowsTheTableOfMaximalSubparts) {
  // Unicode 15, tables 3-8 to 3-11.
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                                 "A"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
            "A");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
                                 "A"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
            "A");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x91\x92\x93\xFF"
                                 "A\x80\xBF"
                                 "B"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
            "A\uFFFD\uFFFD"
            "B");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                                 "A"),
            "\uFFFD\uFFFD\uFFFD\uFFFD"
            "A");
}

TEST(ReplaceInvalidUtf8, GivesValidTextForEveryThreeBytes) {
  for (int bytes = 0; bytes < 1 << 24; bytes += 89) {
    const std::string text{
        static_cast<char>(bytes), static_cast<char>(bytes >> 8), static_cast<char>(bytes >> 16)};
    const std::string valid = replace_invalid_utf8(text);
    ASSERT_TRUE(is_utf8(valid)) << bytes;
    ASSERT_EQ(valid == text, is_utf8(text)) << bytes;
  }
}

TEST(CompleteLength, LeavesOutACharacterThatMoreBytesCouldComplete) {
  const std::string emoji = "\U0001F600";
  EXPECT_EQ(complete_length("a" + emoji), 5U);
  for (std::size_t n = 1; n < 4; ++n) EXPECT_EQ(complete_length("a" + emoji.substr(0, n)), 1U);
  EXPECT_EQ(complete_length("\xE4"), 0U);
}

TEST(CompleteLength, KeepsBytesThatNothingCanComplete) {
  EXPECT_EQ(complete_length("a\xFF"), 2U);
  EXPECT_EQ(complete_length("a\x80"), 2U);
  EXPECT_EQ(complete_length("a\xC0"), 2U);
  EXPECT_EQ(complete_length("a\xE0\x80"), 3U);  // overlong
}

TEST(CodePoints, AreReadAsTheyAreWritten) {
  for (char32_t c = 0; c < 0x110000; c += 7) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text = "x";
    append_utf8(text, c);
    ASSERT_EQ(code_point_at(text, 1), c);
    ASSERT_EQ(utf8_length(text[1]), text.size() - 1);
    ASSERT_EQ(previous_character(text, text.size()), 1U);
  }
}

TEST(ToNormalForm, ComposesWithTheAsciiCharacterBefore) {
  EXPECT_EQ(to_normal_form("xe\u0301x=\u0338", NormalForm::kNfc), "x\u00E9x\u2260");
  EXPECT_EQ(to_normal_form("\u00E9", NormalForm::kNfd), "e\u0301");
  EXPECT_EQ(to_normal_form("\uFB01\u2460", NormalForm::kNfkc), "fi1");
  EXPECT_EQ(to_normal_form("\u1E9B\u0323", NormalForm::kNfkd), "s\u0323\u0307");
}

TEST(ToNormalForm, KeepsZeroBytes) {
  const std::string text("a\0\u00E9\0", 5);
  EXPECT_EQ(to_normal_form(text, NormalForm::kNfc), text);
}

TEST(ToLowerCase, TakesEachCharacterByItself) {
  EXPECT_EQ(to_lower_case("\u0130\u039F\u03A3\u1E9E"), "i\u0307\u03BF\u03C3\u00DF");
}

}  // namespace
}  // namespace longhaul
