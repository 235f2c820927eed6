// The tokenizers of tests/data/text/tokenizer against the package `tokenizers`
// (tests/golden/make_tokenizer_golden.py).
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/text/tokenizer.h"

#include "src/text/unicode.h"

namespace longhaul {
namespace {

const std::string kFolder = LONGHAUL_TEST_DATA "/text/tokenizer/";

std::vector<std::string> read_lines(const std::string& file) {
  std::ifstream in(kFolder + file);
  require(in.good(), file, ": cannot be opened");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

// "PART*N" -> PART and N; N is 1 when it is not written.
std::pair<std::string, int> read_run(const std::string& text) {
  const std::size_t star = text.find('*');
  if (star == std::string::npos) return {text, 1};
  return {text.substr(0, star), std::stoi(text.substr(star + 1))};
}

// `same` is what a part "=" stands for.
std::string read_text(const std::string& line, const std::string& same = "") {
  std::string out;
  for (const std::string& part : split(line, ' ')) {
    if (part == "=") {
      out += same;
      continue;
    }
    const auto [hex, count] = read_run(part);
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    for (int i = 0; i < count; ++i) out += bytes;
  }
  return out;
}

std::vector<TokenId> read_ids(const std::string& line) {
  std::vector<TokenId> ids;
  for (const std::string& part : split(line, ' ')) {
    const auto [id, count] = read_run(part);
    ids.insert(ids.end(), static_cast<std::size_t>(count), std::stoi(id));
  }
  return ids;
}

struct Expected {
  std::string text;
  std::vector<TokenId> ids;
  std::string decoded;
  std::string decoded_without_special;
};

class TokenizerGolden : public testing::TestWithParam<std::string> {
 protected:
  TokenizerGolden() : tokenizer_(load_tokenizer(kFolder + GetParam() + ".json")) {
    const std::vector<std::string> strings = read_lines("strings.txt");
    const std::vector<std::string> lines = read_lines(GetParam() + ".txt");
    require(lines.size() == strings.size() + 1, GetParam(), ".txt does not fit strings.txt");
    const std::vector<std::string> head = split(lines[0], ' ');
    before_ = std::stoi(head.at(1));
    after_ = std::stoi(head.at(3));
    for (std::size_t i = 0; i < strings.size(); ++i) {
      std::vector<std::string> fields = split(lines[i + 1], '\t');
      fields.resize(3);
      const std::string text = read_text(strings[i]);
      const std::string valid = replace_invalid_utf8(text);
      expected_.push_back(
          {text, read_ids(fields[0]), read_text(fields[1], valid), read_text(fields[2], valid)});
    }
  }

  Tokenizer tokenizer_;
  std::ptrdiff_t before_ = 0;
  std::ptrdiff_t after_ = 0;
  std::vector<Expected> expected_;
};

TEST_P(TokenizerGolden, HoldsAtLeastTwoThousandStrings) {
  EXPECT_GE(expected_.size(), 2000U);
}

TEST_P(TokenizerGolden, EncodesToTheSameIds) {
  for (const Expected& e : expected_) {
    ASSERT_EQ(tokenizer_.encode(e.text, SpecialTokens::kAdd), e.ids)
        << testing::PrintToString(e.text);
  }
}

TEST_P(TokenizerGolden, AddsNothingWhenToldSo) {
  for (const Expected& e : expected_) {
    const std::vector<TokenId> own(e.ids.begin() + before_, e.ids.end() - after_);
    ASSERT_EQ(tokenizer_.encode(e.text, SpecialTokens::kNone), own)
        << testing::PrintToString(e.text);
  }
}

TEST_P(TokenizerGolden, DecodesToTheSameText) {
  for (const Expected& e : expected_) {
    ASSERT_EQ(tokenizer_.decode(e.ids, false), e.decoded) << testing::PrintToString(e.text);
    ASSERT_EQ(tokenizer_.decode(e.ids, true), e.decoded_without_special)
        << testing::PrintToString(e.text);
  }
}

TEST_P(TokenizerGolden, StreamsTheSameTextAsItDecodes) {
  StreamingDecoder stream(tokenizer_, /*skip_special=*/false);
  for (const Expected& e : expected_) {
    std::string text;
    for (const TokenId id : e.ids) text += stream.push(id);
    text += stream.finish();
    ASSERT_EQ(text, e.decoded) << testing::PrintToString(e.text);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    TokenizerGolden,
    testing::Values(
        "gpt2", "llama3", "qwen2", "smollm", "o200k", "llama2", "mistral", "mixed", "stripped"),
    [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace longhaul
