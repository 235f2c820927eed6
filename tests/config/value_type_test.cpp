#include "longhaul/config/value_type.h"

#include <limits>

#include <gtest/gtest.h>

namespace longhaul {
namespace {

ConfigNode node_of(const std::string& value) {
  return parse_document("key: " + value, "test").root.entries.front().value;
}

template <class T>
std::optional<T> read(const ValueType<T>& type, const std::string& value) {
  T result{};
  if (!type.read(node_of(value), result)) return std::nullopt;
  return result;
}

TEST(IntegerValue, TakesWholeNumbersInItsRange) {
  const auto type = integer_value(1, 64);
  EXPECT_EQ(read(type, "1"), 1);
  EXPECT_EQ(read(type, "64"), 64);
  for (const char* text : {"0",
                           "65",
                           "1.5",
                           "1e1",
                           "0x10",
                           "\"5\"",
                           "five",
                           "[1]",
                           "",
                           "5 apples",
                           "99999999999999999999"}) {
    EXPECT_EQ(read(type, text), std::nullopt) << text;
  }
}

TEST(NumberValue, TakesFiniteNumbersInItsRange) {
  const auto type = number_value({0.0, 1.0, true, false});
  EXPECT_EQ(read(type, "0"), 0.0);
  EXPECT_EQ(read(type, "2e-5"), 2e-5);
  EXPECT_EQ(read(type, ".5"), 0.5);
  for (const char* text : {"1", "-0.1", "nan", ".nan", "inf", "1e999", "\"0.5\"", "half", "0.5x"}) {
    EXPECT_EQ(read(type, text), std::nullopt) << text;
  }
  EXPECT_EQ(type.expected, "a number from 0 to below 1");
}

TEST(SeedValue, TakesEvery64BitPattern) {
  EXPECT_EQ(read(seed_value(), "18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read(seed_value(), "-1"), std::nullopt);
}

TEST(SizeValue, TakesUnitsAndRefusesNothing) {
  EXPECT_EQ(read(size_value(), "24GiB"), 24_GiB);
  EXPECT_EQ(read(size_value(), "512 MiB"), 512_MiB);
  EXPECT_EQ(read(size_value(), "1000"), Bytes{1000});
  for (const char* text : {"0", "-1GiB", "lots", "[1]"}) {
    EXPECT_EQ(read(size_value(), text), std::nullopt) << text;
  }
}

TEST(SizeValue, WritesWhatItReads) {
  for (const Bytes size : {24_GiB, 512_MiB, Bytes{1000}, 3_KiB}) {
    EXPECT_EQ(read(size_value(), size_value().write(size)), size);
  }
}

TEST(BoolValue, TakesTrueAndFalseOnly) {
  EXPECT_EQ(read(bool_value(), "true"), true);
  EXPECT_EQ(read(bool_value(), "false"), false);
  for (const char* text : {"yes", "no", "1", "\"true\""}) {
    EXPECT_EQ(read(bool_value(), text), std::nullopt) << text;
  }
}

TEST(TextValue, TakesAnyScalarThatIsNotEmpty) {
  EXPECT_EQ(read(text_value("a file"), "5"), "5");
  EXPECT_EQ(read(text_value("a file"), "'a b'"), "a b");
  EXPECT_EQ(read(text_value("a file"), "''"), std::nullopt);
  EXPECT_EQ(read(text_value("a file"), "[a]"), std::nullopt);
}

TEST(WordOr, TakesTheWordOrTheInnerType) {
  const auto type = word_or("auto", integer_value(1, 8));
  EXPECT_EQ(read(type, "auto"), std::optional<std::optional<std::int64_t>>(std::in_place));
  EXPECT_EQ(read(type, "4"), std::optional<std::int64_t>(4));
  EXPECT_EQ(read(type, "9"), std::nullopt);
  EXPECT_EQ(type.expected, "auto or an integer from 1 to 8");
}

TEST(WordOr, TellsTheWordFromATextThatReadsTheSame) {
  const auto type = word_or("auto", text_value("a file"));
  const std::optional<std::string> file_named_auto = "auto";
  EXPECT_EQ(read(type, type.write(file_named_auto)), file_named_auto);
}

TEST(OneOf, ListsItsWords) {
  const auto type = one_of<int>({{"linear", 1}, {"cosine", 2}, {"constant", 3}}, "no others yet");
  EXPECT_EQ(read(type, "cosine"), 2);
  EXPECT_EQ(read(type, "Cosine"), std::nullopt);
  EXPECT_EQ(type.write(3), "constant");
  EXPECT_EQ(type.expected, "linear, cosine or constant (no others yet)");
}

TEST(ToShortestText, ReadsBackExactly) {
  EXPECT_EQ(to_shortest_text(0.1), "0.1");
  EXPECT_EQ(to_shortest_text(2e-5), "2e-5");
  EXPECT_EQ(to_shortest_text(1e100), "1e+100");
  EXPECT_EQ(std::stod(to_shortest_text(1.0 / 3.0)), 1.0 / 3.0);
}

}  // namespace
}  // namespace longhaul
