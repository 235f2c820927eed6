#include "src/data/record_reader.h"

#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace longhaul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Gives `text` in pieces of `chunk` bytes.
RecordReader::NextBytes in_pieces(std::string text, std::size_t chunk) {
  auto at = std::make_shared<std::size_t>(0);
  return [text = std::move(text), chunk, at]() {
    const auto piece = std::string_view(text).substr(*at, chunk);
    *at += piece.size();
    return piece;
  };
}

std::vector<Record> read(const std::string& text, std::size_t chunk = 1 << 16) {
  RecordReader reader(in_pieces(text, chunk));
  std::vector<Record> records;
  while (auto record = reader.next()) records.push_back(std::move(*record));
  return records;
}

std::vector<std::pair<std::int64_t, std::string>> good(const std::vector<Record>& records) {
  std::vector<std::pair<std::int64_t, std::string>> result;
  for (const auto& record : records) {
    EXPECT_EQ(record.problem, "") << "line " << record.line;
    result.emplace_back(record.line, record.text);
  }
  return result;
}

using Line = std::pair<std::int64_t, std::string>;

TEST(RecordReader, ReadsLinesWithTheirNumbersAndPassesOverBlankOnes) {
  EXPECT_THAT(good(read("{\"a\":1}\n\n  {\"b\":2} \r\n \t\n{\"c\":3}")),
              ElementsAre(Line{1, "{\"a\":1}"}, Line{3, "{\"b\":2}"}, Line{5, "{\"c\":3}"}));
}

TEST(RecordReader, ReadsTheElementsOfAnArrayWithTheirNumbers) {
  EXPECT_THAT(good(read("[\n {\"a\": [1, 2]},\n {\"b\":\n  2}\n]\n")),
              ElementsAre(Line{2, "{\"a\": [1, 2]}"}, Line{3, "{\"b\":\n  2}"}));
}

TEST(RecordReader, DoesNotCutInsideStrings) {
  EXPECT_THAT(good(read(R"([{"a": "], \"}{,"}, "\\"])")),
              ElementsAre(Line{1, R"({"a": "], \"}{,"})"}, Line{1, R"("\\")"}));
}

TEST(RecordReader, IgnoresAByteOrderMark) {
  EXPECT_THAT(good(read("\xEF\xBB\xBF{}\n")), ElementsAre(Line{1, "{}"}));
  EXPECT_THAT(good(read("\xEF\xBB\xBF[1]")), ElementsAre(Line{1, "1"}));
}

TEST(RecordReader, GivesTheSameRecordsHoweverTheBytesArrive) {
  for (const std::string text : {"{\"a\":1}\r\n\n{}", "[1, {\"x\": \"\\\"]\"}\n, [2,3]] tail"}) {
    const auto whole = read(text);
    for (const std::size_t chunk : {1U, 2U, 3U, 7U}) {
      const auto pieces = read(text, chunk);
      ASSERT_EQ(pieces.size(), whole.size());
      for (std::size_t i = 0; i < whole.size(); ++i) {
        EXPECT_EQ(pieces[i].text, whole[i].text);
        EXPECT_EQ(pieces[i].line, whole[i].line);
      }
    }
  }
}

TEST(RecordReader, FindsNothingInAnEmptyFileOrArray) {
  for (const char* text : {"", " \n\n", "\xEF\xBB\xBF", "[]", " [ \n ] \n"}) {
    EXPECT_THAT(read(text), IsEmpty()) << text;
  }
}

TEST(RecordReader, NamesAnArrayThatIsNotClosed) {
  for (const char* text : {"[", "[1,", "[1, {\"a\": 2}", "[1, \"abc"}) {
    const auto records = read(text);
    ASSERT_FALSE(records.empty()) << text;
    EXPECT_THAT(records.back().problem, HasSubstr("ends inside the array")) << text;
  }
}

TEST(RecordReader, NamesAMissingElement) {
  const auto records = read("[1,,2,]");

  ASSERT_EQ(records.size(), 4U);
  EXPECT_THAT(records[1].problem, HasSubstr("missing"));
  EXPECT_THAT(records[3].problem, HasSubstr("missing"));
}

TEST(RecordReader, GivesWhatFollowsTheArrayAsLines) {
  EXPECT_THAT(good(read("[1]\nrest")), ElementsAre(Line{1, "1"}, Line{2, "rest"}));
}

TEST(RecordReader, DropsTheTextOfARecordThatIsTooLongAndGoesOn) {
  // 65 MiB of one chunk given again and again, then a good line.
  const std::string block(1 << 20, 'x');
  int given = 0;
  RecordReader reader([&]() -> std::string_view {
    ++given;
    if (given <= 65) return block;
    return given == 66 ? "\n{}\n" : "";
  });

  const auto first = reader.next();
  ASSERT_TRUE(first);
  EXPECT_THAT(first->problem, HasSubstr("longer than 64 MiB"));
  EXPECT_EQ(first->text, "");
  EXPECT_EQ(reader.next()->text, "{}");
}

}  // namespace
}  // namespace longhaul
