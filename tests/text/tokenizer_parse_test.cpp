// What Tokenizer::parse refuses, and how it says so.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/text/tokenizer.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

// A tokenizer of three characters with some part replaced.
struct File {
  std::string model =
      R"({"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"c":3},"merges":["a b"],"unk_token":null})";
  std::string added_tokens = R"([{"id":4,"content":"<s>","special":true}])";
  std::string normalizer = "null";
  std::string pre_tokenizer = "null";
  std::string post_processor = "null";
  std::string decoder = "null";

  std::string json() const {
    return R"({"version":"1.0","model":)" + model + R"(,"added_tokens":)" + added_tokens +
           R"(,"normalizer":)" + normalizer + R"(,"pre_tokenizer":)" + pre_tokenizer +
           R"(,"post_processor":)" + post_processor + R"(,"decoder":)" + decoder + "}";
  }
};

std::string message_for(const File& file) {
  try {
    Tokenizer::parse(file.json(), "tokenizer.json");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "accepted";
}

std::string message_for_model(const std::string& model) {
  return message_for({.model = model});
}

TEST(ParseTokenizer, AcceptsTheFileThatTheOtherTestsBreak) {
  const Tokenizer tokenizer = Tokenizer::parse(File().json(), "tokenizer.json");

  EXPECT_EQ(tokenizer.encode("abc<s>", SpecialTokens::kNone), (std::vector<TokenId>{2, 3, 4}));
}

TEST(ParseTokenizer, NamesTheFileAndWhatIsSupported) {
  EXPECT_EQ(
      message_for({.normalizer = R"({"type":"Precompiled"})"}),
      "tokenizer.json: normalizer: normalizer \"Precompiled\" is not supported; supported are "
      "NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, Sequence");
}

TEST(ParseTokenizer, RefusesOtherModels) {
  EXPECT_THAT(message_for_model(R"({"type":"Unigram","vocab":[]})"),
              HasSubstr("model \"Unigram\" is not supported; supported is BPE"));
}

TEST(ParseTokenizer, RefusesModelOptionsThatChangeIds) {
  EXPECT_THAT(message_for_model(R"({"vocab":{},"merges":[],"dropout":0.1})"),
              HasSubstr("model.dropout"));
  EXPECT_THAT(message_for_model(R"({"vocab":{},"merges":[],"end_of_word_suffix":"</w>"})"),
              HasSubstr("model.end_of_word_suffix"));
  EXPECT_THAT(message_for_model(R"({"vocab":{},"merges":[],"continuing_subword_prefix":"##"})"),
              HasSubstr("model.continuing_subword_prefix"));
}

TEST(ParseTokenizer, RefusesUnknownOptionsOfEveryPart) {
  EXPECT_THAT(message_for({.normalizer = R"({"type":"NFC","form":1})"}),
              HasSubstr("option \"form\" of NFC is not supported"));
  EXPECT_THAT(message_for({.pre_tokenizer = R"({"type":"Digits","individual_digits":true,"x":0})"}),
              HasSubstr("option \"x\" of Digits"));
  EXPECT_THAT(message_for({.decoder = R"({"type":"Fuse","x":0})"}), HasSubstr("option \"x\""));
}

TEST(ParseTokenizer, RefusesUnknownPartsByName) {
  EXPECT_THAT(message_for({.pre_tokenizer = R"({"type":"BertPreTokenizer"})"}),
              HasSubstr("pre_tokenizer: pre-tokenizer \"BertPreTokenizer\" is not supported"));
  EXPECT_THAT(message_for({.post_processor = R"({"type":"RobertaProcessing"})"}),
              HasSubstr("post_processor: post-processor \"RobertaProcessing\" is not supported"));
  EXPECT_THAT(message_for({.decoder = R"({"type":"WordPiece"})"}),
              HasSubstr("decoder: decoder \"WordPiece\" is not supported"));
  EXPECT_THAT(
      message_for(
          {.pre_tokenizer =
               R"({"type":"Sequence","pretokenizers":[{"type":"Whitespace"},{"type":"New"}]})"}),
      HasSubstr("pre_tokenizer.pretokenizers[1]: pre-tokenizer \"New\""));
}

TEST(ParseTokenizer, RefusesIdsOutOfRange) {
  EXPECT_THAT(message_for_model(R"({"vocab":{"a":-1},"merges":[]})"), HasSubstr("got id -1"));
  EXPECT_THAT(message_for_model(R"({"vocab":{"a":4000000000},"merges":[]})"),
              HasSubstr("got id 4000000000"));
  EXPECT_THAT(message_for({.added_tokens = R"([{"id":-4,"content":"x","special":true}])"}),
              HasSubstr("got id -4"));
  EXPECT_THAT(message_for_model(R"({"vocab":{"a":1.5},"merges":[]})"), HasSubstr("model.vocab.a"));
}

TEST(ParseTokenizer, RefusesAnIdThatTwoTokensShare) {
  EXPECT_THAT(message_for_model(R"({"vocab":{"a":0,"b":0},"merges":[]})"),
              HasSubstr("model.vocab.b: id 0 belongs to another token too"));
}

TEST(ParseTokenizer, RefusesMergesOfUnknownTokens) {
  EXPECT_THAT(message_for_model(R"({"vocab":{"a":0,"b":1},"merges":["a b"]})"),
              HasSubstr("model.merges[0]: \"ab\" is not in the vocabulary"));
  EXPECT_THAT(message_for_model(R"({"vocab":{"a":0},"merges":[["a","z"]]})"),
              HasSubstr("model.merges[0]: \"z\" is not in the vocabulary"));
}

TEST(ParseTokenizer, RefusesMalformedMerges) {
  for (const char* merge : {R"("ab")", R"("a b c")", R"(["a"])", R"(["a","b","c"])", "7"}) {
    const std::string model =
        R"({"vocab":{"a":0,"b":1,"ab":2},"merges":[)" + std::string(merge) + "]}";
    EXPECT_THAT(message_for_model(model), HasSubstr("tokenizer.json: model.merges[0]")) << merge;
  }
}

TEST(ParseTokenizer, RefusesAnUnknownTokenThatIsNotInTheVocabulary) {
  EXPECT_THAT(message_for_model(R"({"vocab":{"a":0},"merges":[],"unk_token":"<unk>"})"),
              HasSubstr("model.unk_token: \"<unk>\" is not in the vocabulary"));
}

TEST(ParseTokenizer, RefusesMissingParts) {
  EXPECT_THAT(message_for_model(R"({"vocab":{}})"), HasSubstr("merges"));
  EXPECT_THAT(message_for_model(R"({"merges":[]})"), HasSubstr("vocab"));
  EXPECT_THROW(Tokenizer::parse("{}", "x"), FormatError);
  EXPECT_THROW(Tokenizer::parse("[]", "x"), FormatError);
  EXPECT_THROW(Tokenizer::parse("", "x"), FormatError);
  EXPECT_THAT(message_for({.normalizer = "{}"}), HasSubstr("normalizer"));
  EXPECT_THAT(message_for({.normalizer = "3"}), HasSubstr("normalizer"));
}

TEST(ParseTokenizer, RefusesAddedTokensWithAnIdThatIsNotTheirs) {
  EXPECT_THAT(message_for({.added_tokens = R"([{"id":9,"content":"<s>","special":true}])"}),
              HasSubstr("added_tokens[0]: \"<s>\" has id 9, expected 4, the next free one"));
  EXPECT_THAT(message_for({.added_tokens = R"([{"id":4,"content":"ab","special":false}])"}),
              HasSubstr("\"ab\" has id 4, expected 2, its id in the vocabulary"));
}

TEST(ParseTokenizer, RefusesAnAddedTokenTwice) {
  EXPECT_THAT(message_for({.added_tokens = R"([{"id":4,"content":"<s>","special":true},
                                               {"id":5,"content":"<s>","special":true}])"}),
              HasSubstr("added_tokens[1]"));
}

TEST(ParseTokenizer, RefusesAnAddedTokenOfWhichTheNormalizerLeavesNothing) {
  EXPECT_THAT(
      message_for({.added_tokens = R"([{"id":4,"content":" ","special":false}])",
                   .normalizer = R"({"type":"Strip","strip_left":true,"strip_right":true})"}),
      HasSubstr("nothing is left of \" \""));
}

TEST(ParseTokenizer, RefusesTemplatesThatDoNotHoldTheTextOnce) {
  const std::string bos = R"({"SpecialToken":{"id":"<s>","type_id":0}})";
  const std::string text = R"({"Sequence":{"id":"A","type_id":0}})";
  const auto message = [](const std::string& single, const std::string& ids) {
    return message_for({.post_processor = R"({"type":"TemplateProcessing","pair":[],"single":[)" +
                                          single +
                                          R"(],"special_tokens":{"<s>":{"id":"<s>","ids":[)" + ids +
                                          R"(],"tokens":["<s>"]}}})"});
  };

  EXPECT_EQ(message(bos + "," + text, "4"), "accepted");
  EXPECT_THAT(message(bos, "4"), HasSubstr("does not contain it"));
  EXPECT_THAT(message(text + "," + text, "4"), HasSubstr("post_processor.single[1]"));
  EXPECT_THAT(message(bos + "," + text, "5"), HasSubstr("got id 5, expected 0 to 4"));
}

TEST(ParseTokenizer, RefusesRegularExpressionsThatDoNotCompile) {
  const auto message = [](const std::string& pattern) {
    return message_for(
        {.pre_tokenizer = R"({"type":"Split","behavior":"Isolated","pattern":)" + pattern + "}"});
  };

  EXPECT_THAT(message(R"({"Regex":"a("})"), HasSubstr("pre_tokenizer.pattern.Regex"));
  EXPECT_THAT(message(R"({"Regex":"\\p{Klingon}"})"), HasSubstr("pre_tokenizer.pattern.Regex"));
  EXPECT_THAT(message(R"({"String":""})"), HasSubstr("an empty text is not supported"));
  EXPECT_THAT(message(R"({})"), HasSubstr("expected {\"String\": text}"));
}

TEST(ParseTokenizer, ReadsMergesAsTextAndAsPairs) {
  const std::string vocabulary = R"("vocab":{"a":0,"b":1,"ab":2,"c":3},)";
  for (const char* merge : {R"("a b")", R"(["a","b"])"}) {
    const File file{.model = "{" + vocabulary + R"("merges":[)" + merge + "]}"};
    const Tokenizer tokenizer = Tokenizer::parse(file.json(), "x");
    EXPECT_EQ(tokenizer.encode("cab", SpecialTokens::kNone), (std::vector<TokenId>{3, 2})) << merge;
  }
}

TEST(ParseTokenizer, ReadsManyMergesWithoutQuadraticTime) {
  // Quadratic time would be minutes.
  std::string vocabulary = R"("a":0)";
  std::string merges;
  std::string token = "a";
  for (int i = 1; i <= 500; ++i) {
    token += 'a';
    vocabulary += ",\"" + token + "\":" + std::to_string(i);
  }
  for (int i = 0; i < 100'000; ++i) merges += std::string(i == 0 ? "" : ",") + R"(["a","a"])";

  const Tokenizer tokenizer = Tokenizer::parse(
      R"({"model":{"vocab":{)" + vocabulary + R"(},"merges":[)" + merges + "]}}", "x");

  EXPECT_EQ(tokenizer.encode("aaa", SpecialTokens::kNone), (std::vector<TokenId>{1, 0}));
}

TEST(ParseTokenizer, LeavesLimitsOfLengthToTheRun) {
  std::string json = File().json();
  json.insert(1, R"("truncation":{"max_length":1},"padding":{"strategy":{"Fixed":9}},)");

  EXPECT_EQ(Tokenizer::parse(json, "x").encode("abab", SpecialTokens::kAdd),
            (std::vector<TokenId>{2, 2}));
}

}  // namespace
}  // namespace longhaul
