#include "longhaul/text/tokenizer.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/core/thread_pool.h"
#include "longhaul/core/utf8.h"

#include "src/text/unicode.h"

namespace longhaul {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kFolder = LONGHAUL_TEST_DATA "/text/tokenizer/";

Tokenizer load(const std::string& kind) {
  return load_tokenizer(kFolder + kind + ".json");
}

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.encode(text, SpecialTokens::kNone);
}

TEST(Tokenizer, MakesOneReplacementCharacterOfAMaximalInvalidSubpart) {
  const Tokenizer tokenizer = load("qwen2");

  // Unicode 15, table 3-11: a truncated sequence is one, each byte of a surrogate is one.
  EXPECT_EQ(encode(tokenizer, "\xF0\x9F\x98x"), encode(tokenizer, "\uFFFDx"));
  EXPECT_EQ(encode(tokenizer, "\xED\xA0\x80"), encode(tokenizer, "\uFFFD\uFFFD\uFFFD"));
}

TEST(Tokenizer, FindsTheContentOfAddedAndOtherTokens) {
  const Tokenizer tokenizer = load("llama3");

  const TokenId added = tokenizer.find("<|eot_id|>").value();
  const TokenId other = tokenizer.find("\u0120and").value();

  EXPECT_EQ(tokenizer.token(added), "<|eot_id|>");
  EXPECT_EQ(tokenizer.token(other), "\u0120and");
  EXPECT_EQ(tokenizer.find("no such token"), std::nullopt);
}

TEST(Tokenizer, KnowsWhichTokensAreSpecial) {
  const Tokenizer tokenizer = load("qwen2");

  EXPECT_TRUE(tokenizer.is_special(tokenizer.find("<|im_end|>").value()));
  EXPECT_FALSE(tokenizer.is_special(tokenizer.find("<tool_call>").value()));
  EXPECT_FALSE(tokenizer.is_special(tokenizer.find("a").value()));
  EXPECT_FALSE(tokenizer.is_special(-1));
}

TEST(Tokenizer, CountsAddedTokensInItsSize) {
  const Tokenizer tokenizer = load("qwen2");

  EXPECT_EQ(tokenizer.vocabulary_size(), 1006);
  EXPECT_EQ(tokenizer.token(1005), "<think>");
  EXPECT_EQ(tokenizer.token(1006), "");
}

TEST(Tokenizer, DecodesIdsThatNameNoTokenToNothing) {
  const Tokenizer tokenizer = load("gpt2");
  const TokenId a = tokenizer.find("a").value();

  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{a, 1 << 20, -1, a}, false), "aa");
}

TEST(Tokenizer, EncodesALongWordWithoutQuadraticTime) {
  // Neither kind cuts this text into words. Quadratic time would be hours.
  const std::string text(1'000'000, 'a');

  for (const char* kind : {"llama2", "qwen2"}) {
    const Tokenizer tokenizer = load(kind);
    const std::vector<TokenId> ids = encode(tokenizer, text);
    EXPECT_EQ(tokenizer.decode(ids, false), text) << kind;
  }
}

TEST(Tokenizer, EncodesManyAddedTokensAndSpacesWithoutQuadraticTime) {
  const Tokenizer tokenizer = load("mixed");
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += " [BOTH]  <<<[[[";

  EXPECT_FALSE(encode(tokenizer, text).empty());
}

TEST(Tokenizer, GivesTheSameIdsFromManyThreads) {
  const Tokenizer tokenizer = load("llama3");
  const std::string text = "It's 2024; the cat\u00e9 \U0001F600 <|eot_id|> (again)";
  const std::vector<TokenId> expected = encode(tokenizer, text);

  ThreadPool pool(4);
  std::vector<std::vector<TokenId>> ids(200);
  pool.parallel_for(200, [&](std::int64_t i, int /*worker*/) {
    ids[static_cast<std::size_t>(i)] = encode(tokenizer, text);
  });

  EXPECT_THAT(ids, testing::Each(expected));
}

TEST(LoadTokenizer, NamesTheFileThatIsMissing) {
  try {
    load_tokenizer(kFolder + "missing.json");
    FAIL() << "expected IoError";
  } catch (const IoError& error) {
    EXPECT_EQ(error.file(), kFolder + "missing.json");
  }
}

TEST(StreamingDecoder, HoldsBackAnIncompleteCharacter) {
  const Tokenizer tokenizer = load("llama2");
  StreamingDecoder stream(tokenizer);

  std::vector<std::string> pieces;
  for (const char* token : {"\u2581a", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "n"}) {
    pieces.push_back(stream.push(tokenizer.find(token).value()));
  }

  EXPECT_THAT(pieces, ElementsAre("a", "", "", "", "\U0001F600", "n"));
  EXPECT_THAT(stream.finish(), IsEmpty());
}

TEST(StreamingDecoder, ReplacesWhatStaysIncomplete) {
  const Tokenizer tokenizer = load("llama2");
  StreamingDecoder stream(tokenizer);

  EXPECT_EQ(stream.push(tokenizer.find("<0xE4>").value()), "");
  EXPECT_EQ(stream.push(tokenizer.find("n").value()), "\uFFFDn");
  EXPECT_EQ(stream.push(tokenizer.find("<0xE4>").value()), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
}

TEST(StreamingDecoder, DropsTheFirstSpaceOfATextOnly) {
  const Tokenizer tokenizer = load("llama2");
  const TokenId word = tokenizer.find("\u2581and").value();
  const TokenId eos = tokenizer.find("</s>").value();
  StreamingDecoder stream(tokenizer);

  EXPECT_EQ(stream.push(word), "and");
  EXPECT_EQ(stream.push(eos), "");
  EXPECT_EQ(stream.push(word), " and");
  stream.finish();
  EXPECT_EQ(stream.push(word), "and");
}

TEST(StreamingDecoder, GivesValidTextForAnyTokens) {
  const Tokenizer tokenizer = load("gpt2");
  StreamingDecoder stream(tokenizer);
  std::vector<TokenId> ids;
  std::string text;
  for (TokenId i = 0; i < 3000; ++i) {
    ids.push_back((7 * i * i + i) % 256);  // the tokens of single bytes, which rarely fit
    const std::string piece = stream.push(ids.back());
    ASSERT_TRUE(is_utf8(piece));
    text += piece;
  }
  text += stream.finish();

  EXPECT_EQ(text, tokenizer.decode(ids, true));
}

}  // namespace
}  // namespace longhaul
