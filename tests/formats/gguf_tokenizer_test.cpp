#include "formats/gguf_tokenizer.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

Json metadata(const Json::Members& members) {
  return Json::make_object(members, "m.gguf");
}

// `members` with one of them set, added, or (null) taken away.
Json::Members with(Json::Members members, const std::string& key, const Json& value) {
  std::erase_if(members, [&](const auto& member) { return member.first == key; });
  if (!value.is_null()) members.emplace_back(key, value);
  return members;
}

Json::Members byte_level() {
  return {{"tokenizer.ggml.model", "gpt2"},
          {"tokenizer.ggml.pre", "smollm"},
          {"tokenizer.ggml.tokens", Json::make_array({"a", "b", "ab", "<x>", "<s>", "</s>"})},
          {"tokenizer.ggml.token_type", Json::make_array({1, 1, 1, 4, 3, 3})},
          {"tokenizer.ggml.merges", Json::make_array({"a b"})},
          {"tokenizer.ggml.bos_token_id", 4},
          {"tokenizer.ggml.eos_token_id", 5}};
}

// Pieces of a sentencepiece vocabulary, with the scores of a BPE model: minus the rank.
Json::Members sentencepiece() {
  const std::string mark = "\u2581";
  return {
      {"tokenizer.ggml.model", "llama"},
      {"tokenizer.ggml.tokens",
       Json::make_array({"<unk>",
                         "<s>",
                         "</s>",
                         "<0x0A>",
                         mark,
                         "a",
                         "b",
                         "aa",
                         "ab",
                         "aab",
                         mark + "a",
                         "aaab",
                         "aaa"})},
      {"tokenizer.ggml.token_type", Json::make_array({2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1})},
      {"tokenizer.ggml.scores",
       Json::make_array({0.0, 0.0, 0.0, 0.0, -6.0, -7.0, -8.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0})},
      {"tokenizer.ggml.bos_token_id", 1},
      {"tokenizer.ggml.eos_token_id", 2},
      {"tokenizer.ggml.unknown_token_id", 0}};
}

Json tokenizer_json(const Json::Members& members) {
  return Json::parse(make_gguf_tokenizer(metadata(members), 100).texts.at("tokenizer.json"), "t");
}

Json tokenizer_config(const Json::Members& members) {
  return Json::parse(make_gguf_tokenizer(metadata(members), 100).texts.at("tokenizer_config.json"),
                     "c");
}

std::string complaint(const Json::Members& members) {
  try {
    make_gguf_tokenizer(metadata(members), 100);
  } catch (const FormatError& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("m.gguf"));
    return error.what();
  }
  return {};
}

TEST(GgufByteLevel, KeepsVocabularyAndMerges) {
  const Json model = tokenizer_json(byte_level()).at("model");
  EXPECT_EQ(model.at("vocab").dump(), R"({"a":0,"b":1,"ab":2,"<x>":3,"<s>":4,"</s>":5})");
  EXPECT_EQ(model.at("merges").dump(), R"(["a b"])");
  EXPECT_FALSE(model.as_bool("byte_fallback"));
  EXPECT_TRUE(model.at("unk_token").is_null());
}

TEST(GgufByteLevel, ControlTokensAreSpecialAndUserTokensPlainlyAdded) {
  std::string added;
  for (const Json& token : tokenizer_json(byte_level()).at("added_tokens").elements()) {
    added += concat(token.as_int("id"), token.as_string("content"), token.as_bool("special"), ' ');
    EXPECT_FALSE(token.as_bool("normalized"));
  }
  EXPECT_EQ(added, "3<x>0 4<s>1 5</s>1 ");
}

TEST(GgufByteLevel, TheTokensThatTheFileNamesAreSpecialWhateverTheirType) {
  const Json tokens = tokenizer_json(with(byte_level(), "tokenizer.ggml.padding_token_id", 3));
  EXPECT_TRUE(tokens.at("added_tokens").at(0).as_bool("special"));
}

TEST(GgufByteLevel, SmollmSplitsDigitsOneByOne) {
  EXPECT_EQ(tokenizer_json(byte_level()).at("pre_tokenizer").dump(),
            R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},)"
            R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,)"
            R"("use_regex":true}]})");
}

TEST(GgufByteLevel, ThePreTokenizerFollowsItsName) {
  const auto pre = [](const char* name) {
    return tokenizer_json(with(byte_level(), "tokenizer.ggml.pre", name));
  };
  EXPECT_EQ(pre("gpt-2").at("pre_tokenizer").as_string("type"), "ByteLevel");
  EXPECT_EQ(pre("qwen2").at("normalizer").dump(), R"({"type":"NFC"})");
  EXPECT_FALSE(pre("qwen2").at("model").as_bool("ignore_merges"));
  EXPECT_TRUE(pre("llama-bpe").at("model").as_bool("ignore_merges"));
  const auto expression = [&](const char* name) {
    const Json steps = pre(name).at("pre_tokenizer").at("pretokenizers");
    EXPECT_FALSE(steps.at(1).as_bool("use_regex"));
    return steps.at(0).at("pattern").as_string("Regex");
  };
  EXPECT_THAT(expression("llama-bpe"), HasSubstr(R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"));
  EXPECT_THAT(expression("qwen2"), HasSubstr(R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"));
  EXPECT_THAT(expression("tekken"), HasSubstr(R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"));
  EXPECT_EQ(pre("default").at("pre_tokenizer").at("pretokenizers").size(), 5U);
  EXPECT_EQ(tokenizer_json(with(byte_level(), "tokenizer.ggml.pre", Json())), pre("default"));
}

TEST(GgufByteLevel, RefusesAnUnknownPreTokenizerNamingTheKnownOnes) {
  EXPECT_THAT(
      complaint(with(byte_level(), "tokenizer.ggml.pre", "viking")),
      testing::AllOf(
          HasSubstr("\"viking\" is not supported"), HasSubstr("smollm"), HasSubstr("qwen2")));
}

TEST(GgufByteLevel, RefusesMergesOfUnknownTokens) {
  for (const char* merge : {"a c", "b a", "ab", "a  b", " ab", ""}) {
    EXPECT_THAT(
        complaint(with(byte_level(), "tokenizer.ggml.merges", Json::make_array({"a b", merge}))),
        HasSubstr("merges\"][1]"))
        << merge;
  }
}

TEST(GgufByteLevel, AddsBosWhereTheFileOrTheNameSaysSo) {
  const auto single = [](const Json::Members& members) {
    const Json processor = tokenizer_json(members).at("post_processor");
    return processor.is_null() ? std::string() : processor.at("single").dump();
  };
  const std::string with_bos =
      R"([{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}])";
  EXPECT_EQ(single(byte_level()), "");
  EXPECT_EQ(single(with(byte_level(), "tokenizer.ggml.add_bos_token", true)), with_bos);
  const Json::Members llama3 = with(byte_level(), "tokenizer.ggml.pre", "llama-bpe");
  EXPECT_EQ(single(llama3), with_bos);
  EXPECT_EQ(single(with(llama3, "tokenizer.ggml.add_bos_token", false)), "");
  EXPECT_THAT(single(with(byte_level(), "tokenizer.ggml.add_eos_token", true)),
              HasSubstr(R"({"SpecialToken":{"id":"</s>","type_id":0}}])"));
  EXPECT_THAT(complaint(with(llama3, "tokenizer.ggml.bos_token_id", Json())),
              HasSubstr("bos_token_id\"]: missing"));
}

TEST(GgufSentencepiece, RebuildsTheMergesOfTheScores) {
  // What transformers' generate_merges gives for this vocabulary, but for the pieces that are no
  // text: <unk>, <s>, </s>, <0x0A>.
  EXPECT_EQ(tokenizer_json(sentencepiece()).at("model").at("merges").dump(),
            R"(["a a","a b","aa b","a ab","▁ a","aaa b","aa ab","a aab","aa a","a aa"])");
}

TEST(GgufSentencepiece, WritesThePublishedFormOfNormalizerAndDecoder) {
  const Json json = tokenizer_json(sentencepiece());
  EXPECT_EQ(json.at("normalizer").dump(),
            R"({"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},)"
            R"({"type":"Replace","pattern":{"String":" "},"content":"▁"}]})");
  EXPECT_EQ(json.at("decoder").dump(),
            R"({"type":"Sequence","decoders":[)"
            R"({"type":"Replace","pattern":{"String":"▁"},"content":" "},)"
            R"({"type":"ByteFallback"},{"type":"Fuse"},)"
            R"({"type":"Strip","content":" ","start":1,"stop":0}]})");
  EXPECT_TRUE(json.at("pre_tokenizer").is_null());
  EXPECT_TRUE(json.at("model").as_bool("byte_fallback"));
  EXPECT_TRUE(json.at("model").as_bool("fuse_unk"));
  EXPECT_EQ(json.at("model").as_string("unk_token"), "<unk>");
  EXPECT_EQ(json.at("post_processor").at("single").at(0).at("SpecialToken").as_string("id"), "<s>");
}

TEST(GgufSentencepiece, LeavesOutThePrefixWhereTheFileDoes) {
  const Json json = tokenizer_json(with(sentencepiece(), "tokenizer.ggml.add_space_prefix", false));
  EXPECT_EQ(json.at("normalizer").as_string("type"), "Replace");
  EXPECT_EQ(json.at("decoder").at("decoders").size(), 3U);
}

TEST(GgufSentencepiece, RefusesOtherNormalizations) {
  EXPECT_NE(complaint(with(sentencepiece(), "tokenizer.ggml.remove_extra_whitespaces", true)), "");
  EXPECT_NE(complaint(with(
                sentencepiece(), "tokenizer.ggml.precompiled_charsmap", Json::make_array({1, 2}))),
            "");
}

TEST(GgufTokenizerConfig, NamesTheSpecialTokensAndTheTemplate) {
  const Json config =
      tokenizer_config(with(sentencepiece(), "tokenizer.chat_template", "{{ messages }}"));
  EXPECT_EQ(config.as_string("bos_token"), "<s>");
  EXPECT_EQ(config.as_string("eos_token"), "</s>");
  EXPECT_EQ(config.as_string("unk_token"), "<unk>");
  EXPECT_FALSE(config.contains("pad_token"));
  EXPECT_EQ(config.as_int("model_max_length"), 100);
  EXPECT_EQ(config.as_string("chat_template"), "{{ messages }}");
}

TEST(GgufTokenizerConfig, ListsNamedTemplates) {
  Json::Members members = with(byte_level(), "tokenizer.chat_template", "plain");
  members = with(members, "tokenizer.chat_template.tool_use", "tools");
  EXPECT_EQ(tokenizer_config(members).at("chat_template").dump(),
            R"([{"name":"default","template":"plain"},{"name":"tool_use","template":"tools"}])");
}

TEST(GgufTokenizerChecks, RefuseWhatDoesNotFitTheVocabulary) {
  EXPECT_THAT(complaint(with(byte_level(), "tokenizer.ggml.bos_token_id", 6)),
              HasSubstr("got 6, expected 0 to 5"));
  EXPECT_THAT(complaint(with(byte_level(), "tokenizer.ggml.token_type", Json::make_array({1, 1}))),
              HasSubstr("has 2 elements for 6 tokens"));
  EXPECT_THAT(complaint(with(
                  byte_level(), "tokenizer.ggml.token_type", Json::make_array({1, 1, 1, 1, 1, 7}))),
              HasSubstr("got 7, expected 1 to 6"));
  EXPECT_THAT(complaint(with(sentencepiece(), "tokenizer.ggml.scores", Json::make_array({1.0}))),
              HasSubstr("has 1 elements for 13 tokens"));
  EXPECT_THAT(complaint(with(byte_level(),
                             "tokenizer.ggml.tokens",
                             Json::make_array({"a", "b", "ab", "a", "c", "d"}))),
              HasSubstr("\"a\" occurs more than once"));
  EXPECT_THAT(complaint(with(byte_level(), "tokenizer.ggml.tokens", Json::make_array({}))),
              HasSubstr("is empty"));
  EXPECT_THAT(complaint(with(byte_level(), "tokenizer.ggml.model", "bert")),
              HasSubstr("got \"bert\", expected \"gpt2\" or \"llama\""));
}

}  // namespace
}  // namespace longhaul
