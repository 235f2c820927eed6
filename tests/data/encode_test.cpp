#include "longhaul/data/encode.h"

#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "tests/data/mask_data.h"
#include "tests/support/temporary_folder.h"

namespace longhaul {
namespace {

using test::mask_encoder;
using testing::HasSubstr;

Sample sample_of(const Json& record) {
  return make_sample(record, recognise(record).value());
}

Sample sample_of(const char* record) {
  return sample_of(Json::parse(record, "test"));
}

std::vector<int> as_numbers(const std::vector<bool>& bits) {
  return {bits.begin(), bits.end()};
}

// What the tokens say that are targets, runs separated by '|'.
std::string targets(const SampleEncoder& encoder, const EncodedSample& sample) {
  std::string text;
  std::vector<TokenId> run;
  const auto flush = [&] {
    if (!run.empty()) text += encoder.tokenizer().decode(run, false) + "|";
    run.clear();
  };
  for (std::size_t t = 0; t < sample.ids.size(); ++t) {
    if (!sample.is_target[t]) flush();
    if (sample.is_target[t]) run.push_back(sample.ids[t]);
  }
  flush();
  return text;
}

std::string refusal(const SampleEncoder& encoder, const Sample& sample) {
  try {
    encoder.encode(sample);
  } catch (const SampleRefused& refused) {
    return refused.what();
  }
  ADD_FAILURE() << "was not refused";
  return {};
}

constexpr const char* kTwoTurns =
    R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},)"
    R"({"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]})";

// tests/golden/make_mask_golden.py: ids and labels of TRL's SFTTrainer.
TEST(SampleEncoder, GivesTheIdsAndTargetsOfTrl) {
  std::map<std::string, SampleEncoder> encoders;
  std::istringstream lines(test::read_bytes(test::mask_data() / "expected.jsonl"));
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const Json expected = Json::parse(line, "expected.jsonl");
    const std::string kind = expected.as_string("tokenizer");
    const Json file = expected.at("template");
    const std::string name = file.is_null() ? "" : file.as_string();
    auto found = encoders.find(kind + name);
    if (found == encoders.end()) {
      const auto chosen = name.empty() ? std::nullopt : std::optional(name);
      found = encoders.emplace(kind + name, mask_encoder(kind, chosen)).first;
    }

    const EncodedSample actual = found->second.encode(sample_of(expected.at("record")));

    std::vector<TokenId> ids;
    std::vector<int> marks;
    for (const Json& id : expected.at("ids").elements()) {
      ids.push_back(static_cast<TokenId>(id.as_int()));
    }
    for (const Json& mark : expected.at("targets").elements()) {
      marks.push_back(static_cast<int>(mark.as_int()));
    }
    EXPECT_EQ(actual.ids, ids) << line;
    EXPECT_EQ(as_numbers(actual.is_target), marks) << line;
  }
  EXPECT_EQ(cases, 44);
}

TEST(SampleEncoder, MakesTheReplyAndItsEndOfTurnTheTargets) {
  const auto encoder = mask_encoder("smollm", "smollm2.jinja");
  const auto encoded = encoder.encode(sample_of(kTwoTurns));

  EXPECT_EQ(targets(encoder, encoded), "b<|im_end|>\n|d<|im_end|>\n|");
}

TEST(SampleEncoder, MarksOnlyTheCompletionOfMessages) {
  const auto encoder = mask_encoder("smollm", "smollm2.jinja");
  const auto encoded = encoder.encode(
      sample_of(R"({"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content":)"
                R"("b"}, {"role": "user", "content": "c"}], "completion": [{"role": "assistant",)"
                R"("content": "d"}]})"));

  EXPECT_EQ(targets(encoder, encoded), "d<|im_end|>\n|");
}

TEST(SampleEncoder, MarksEverythingButTheFirstTokenWhenAskedTo) {
  const auto encoder = mask_encoder("smollm", "smollm2.jinja", LossOn::kAll);
  const auto encoded = encoder.encode(sample_of(kTwoTurns));

  EXPECT_FALSE(encoded.is_target[0]);
  EXPECT_EQ(count_targets(encoded), static_cast<std::int64_t>(encoded.ids.size()) - 1);
}

TEST(SampleEncoder, BeginsATextAsTheTokenizerDoesAndEndsItWithEos) {
  const auto encoder = mask_encoder("llama2", std::nullopt);
  const auto encoded = encoder.encode(sample_of(R"({"text": "plain text"})"));

  EXPECT_EQ(encoded.ids.front(), encoder.settings().bos);
  EXPECT_EQ(encoded.ids.back(), encoder.settings().eos);
  EXPECT_EQ(count_targets(encoded), static_cast<std::int64_t>(encoded.ids.size()) - 1);
}

TEST(SampleEncoder, DoesNotEndATextTwice) {
  const auto encoder = mask_encoder("llama2", std::nullopt);
  const auto once = encoder.encode(sample_of(R"({"text": "plain text"})"));
  const auto written = encoder.encode(sample_of(R"({"text": "plain text</s>"})"));

  EXPECT_EQ(written.ids, once.ids);
}

TEST(SampleEncoder, RefusesAConversationWithoutAReply) {
  const auto encoder = mask_encoder("smollm", "smollm2.jinja");

  EXPECT_THAT(refusal(encoder, sample_of(R"({"messages": [{"role": "user", "content": "a"}]})")),
              HasSubstr("no token is a target"));
}

TEST(SampleEncoder, RefusesAConversationWithoutATemplate) {
  EXPECT_THAT(refusal(mask_encoder("smollm", std::nullopt), sample_of(kTwoTurns)),
              HasSubstr("data.chat_template"));
}

TEST(SampleEncoder, RefusesATextWithoutAnEndOfText) {
  const auto tokenizer = load_tokenizer(test::mask_data() / "smollm");
  const SampleEncoder encoder(tokenizer, {}, std::nullopt, LossOn::kAssistant);

  EXPECT_THAT(refusal(encoder, sample_of(R"({"text": "a"})")), HasSubstr("eos_token"));
}

TEST(SampleEncoder, PassesOnWhyTheTemplateRefused) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "strict.jinja", "{{ raise_exception('roles must alternate') }}");
  const auto tokenizer = load_tokenizer(test::mask_data() / "smollm");
  const auto strict = choose_chat_template({}, (folder / "strict.jinja").string());
  const SampleEncoder encoder(tokenizer, {}, strict, LossOn::kAssistant);

  EXPECT_THAT(refusal(encoder, sample_of(kTwoTurns)), HasSubstr("roles must alternate"));
}

TEST(SampleEncoder, RendersTheSameDateOnEveryDay) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "dated.jinja", "{{ strftime_now('%A %d %b %Y %j') }}");
  const auto tokenizer = load_tokenizer(test::mask_data() / "smollm");
  const auto dated = choose_chat_template({}, (folder / "dated.jinja").string());
  const SampleEncoder encoder(tokenizer, {}, dated, LossOn::kAll);

  EXPECT_EQ(encoder.render(sample_of(R"({"messages": [{"role": "user", "content": "a"}]})")),
            "Friday 26 Jul 2024 208");
}

TEST(SampleEncoder, GivesTheTemplateTheNamedTokensAndTheVariablesOfTheSample) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "names.jinja", "{{ bos_token }} {{ eos_token }} {{ mood }}");
  const auto tokenizer = load_tokenizer(test::mask_data() / "smollm");
  const auto settings = load_tokenizer_settings(test::mask_data() / "smollm", tokenizer);
  const auto names = choose_chat_template(settings, (folder / "names.jinja").string());
  const SampleEncoder encoder(tokenizer, settings, names, LossOn::kAll);

  EXPECT_EQ(encoder.render(sample_of(R"({"messages": [{"role": "user", "content": "a"}],)"
                                     R"("chat_template_kwargs": {"mood": "calm"}})")),
            "<|im_start|> <|im_end|> calm");
}

TEST(ChooseChatTemplate, GivesTheModelsOwnChatMlOrAFile) {
  TokenizerSettings settings;
  EXPECT_FALSE(choose_chat_template(settings, std::nullopt));
  settings.chat_templates.push_back({"default", "own", "tokenizer_config.json: chat_template"});

  EXPECT_EQ(choose_chat_template(settings, std::nullopt)->source(), "own");
  EXPECT_THAT(choose_chat_template(settings, "chatml")->source(), HasSubstr("<|im_start|>"));
  EXPECT_THROW(choose_chat_template(settings, "/missing/file.jinja"), IoError);
}

TEST(ChooseChatTemplate, MakesChatMlThatEndsEveryTurn) {
  const auto tokenizer = load_tokenizer(test::mask_data() / "smollm");
  const auto settings = load_tokenizer_settings(test::mask_data() / "smollm", tokenizer);
  const SampleEncoder encoder(
      tokenizer, settings, choose_chat_template(settings, "chatml"), LossOn::kAssistant);

  EXPECT_EQ(encoder.render(sample_of(kTwoTurns)),
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
            "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\nd<|im_end|>\n");
  EXPECT_EQ(targets(encoder, encoder.encode(sample_of(kTwoTurns))), "b<|im_end|>\n|d<|im_end|>\n|");
}

}  // namespace
}  // namespace longhaul
