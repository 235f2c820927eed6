#include "longhaul/text/tokenizer_settings.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class TokenizerSettingsOfFolder : public testing::Test {
 protected:
  void write(std::string_view name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  TokenizerSettings load() const { return load_tokenizer_settings(folder_.path(), tokenizer_); }
  TokenId id(std::string_view token) const { return tokenizer_.find(token).value(); }
  std::string message() const {
    try {
      load();
    } catch (const FormatError& error) {
      return error.what();
    }
    return "accepted";
  }

  test::TemporaryFolder folder_;
  // <|endoftext|>, <|im_start|>, <|im_end|> are special.
  Tokenizer tokenizer_ = load_tokenizer(LONGHAUL_TEST_DATA "/text/tokenizer/qwen2.json");
};

TEST_F(TokenizerSettingsOfFolder, AreEmptyWithoutFiles) {
  const TokenizerSettings settings = load();

  EXPECT_EQ(settings.bos, std::nullopt);
  EXPECT_EQ(settings.eos, std::nullopt);
  EXPECT_THAT(settings.stop, IsEmpty());
  EXPECT_EQ(settings.find_chat_template(), nullptr);
}

TEST_F(TokenizerSettingsOfFolder, TakeTokensAsTextAndAsObjects) {
  write("tokenizer_config.json", R"({
    "bos_token": null,
    "eos_token": "<|im_end|>",
    "pad_token": {"content": "<|endoftext|>", "lstrip": false},
    "add_bos_token": false})");

  const TokenizerSettings settings = load();

  EXPECT_EQ(settings.bos, std::nullopt);
  EXPECT_EQ(settings.eos, id("<|im_end|>"));
  EXPECT_EQ(settings.pad, id("<|endoftext|>"));
  EXPECT_THAT(settings.named_tokens,
              ElementsAre(Pair("eos_token", "<|im_end|>"), Pair("pad_token", "<|endoftext|>")));
}

TEST_F(TokenizerSettingsOfFolder, TakeWhatTheConfigLacksFromTheSpecialTokensMap) {
  write("tokenizer_config.json", R"({"eos_token": "<|im_end|>"})");
  write("special_tokens_map.json",
        R"({"eos_token": "<|endoftext|>", "bos_token": {"content": "<|im_start|>"}})");

  const TokenizerSettings settings = load();

  EXPECT_EQ(settings.eos, id("<|im_end|>"));
  EXPECT_EQ(settings.bos, id("<|im_start|>"));
}

TEST_F(TokenizerSettingsOfFolder, FallBackToTheIdsOfTheModel) {
  write("config.json", R"({"bos_token_id": 5, "eos_token_id": [6, 7]})");

  const TokenizerSettings settings = load();

  EXPECT_EQ(settings.bos, 5);
  EXPECT_EQ(settings.eos, 6);
  EXPECT_THAT(settings.stop, ElementsAre(6, 7));
  EXPECT_THAT(
      settings.named_tokens,
      ElementsAre(Pair("bos_token", tokenizer_.token(5)), Pair("eos_token", tokenizer_.token(6))));
}

TEST_F(TokenizerSettingsOfFolder, StopAtEveryIdOfTheGenerationConfigAndAtTheEndOfText) {
  write("tokenizer_config.json", R"({"eos_token": "<|im_end|>"})");
  write("generation_config.json", R"({"eos_token_id": [9, 3]})");
  write("config.json", R"({"eos_token_id": 4})");

  EXPECT_THAT(load().stop, ElementsAre(3, 9, id("<|im_end|>")));
}

TEST_F(TokenizerSettingsOfFolder, HoldTheOnlyTemplateAsDefault) {
  write("tokenizer_config.json", R"({"chat_template": "{{ messages }}"})");

  const TokenizerSettings settings = load();

  ASSERT_NE(settings.find_chat_template(), nullptr);
  EXPECT_EQ(settings.find_chat_template()->text, "{{ messages }}");
  EXPECT_THAT(settings.find_chat_template()->source, HasSubstr("chat_template"));
}

TEST_F(TokenizerSettingsOfFolder, HoldNamedTemplates) {
  write("tokenizer_config.json", R"({"chat_template": [
    {"name": "default", "template": "one"}, {"name": "tool_use", "template": "two"}]})");

  const TokenizerSettings settings = load();

  EXPECT_EQ(settings.find_chat_template()->text, "one");
  EXPECT_EQ(settings.find_chat_template("tool_use")->text, "two");
  EXPECT_EQ(settings.find_chat_template("rag"), nullptr);
}

TEST_F(TokenizerSettingsOfFolder, PreferTheTemplateThatIsAFileOfItsOwn) {
  write("tokenizer_config.json", R"({"chat_template": "old"})");
  write("chat_template.jinja", "new");

  const TokenizerSettings settings = load();

  EXPECT_EQ(settings.find_chat_template()->text, "new");
  EXPECT_EQ(settings.chat_templates.size(), 1U);
}

TEST_F(TokenizerSettingsOfFolder, RefuseATokenThatTheTokenizerLacks) {
  write("tokenizer_config.json", R"({"eos_token": "</s>"})");

  EXPECT_THAT(message(), HasSubstr("eos_token \"</s>\" is not a token of the tokenizer"));
}

TEST_F(TokenizerSettingsOfFolder, RefuseIdsThatTheTokenizerLacks) {
  write("generation_config.json", R"({"eos_token_id": [3, 100000]})");

  EXPECT_THAT(message(), HasSubstr("eos_token_id[1]: got id 100000, expected 0 to 1005"));
}

TEST_F(TokenizerSettingsOfFolder, RefuseAFileThatIsNotAnObject) {
  write("tokenizer_config.json", "[1]");

  EXPECT_THAT(message(), HasSubstr("tokenizer_config.json: expected an object"));
}

}  // namespace
}  // namespace longhaul
