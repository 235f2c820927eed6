#include "longhaul/run/run_file.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kMinimal = "model: m\noutput: o\ndata: {train: t.jsonl}\n";

RunConfig parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Document document = parse_document(text, "run.yaml");
  apply_overrides(document, overrides);
  return parse_run_config(document);
}

RunConfig with(const std::vector<std::string>& overrides) {
  return parse(kMinimal, overrides);
}

std::string errors_in(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse(text, overrides);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

std::string errors_with(const std::vector<std::string>& overrides) {
  return errors_in(kMinimal, overrides);
}

TEST(ParseRunConfig, NeedsModelOutputAndTrainingDataOnly) {
  const RunConfig config = parse(kMinimal);
  EXPECT_EQ(config.model, "m");
  EXPECT_EQ(config.output, "o");
  EXPECT_THAT(config.data.train, ElementsAre("t.jsonl"));
  EXPECT_EQ(config.training.epochs, 3.0);
  EXPECT_EQ(config.optimizer.adamw.learning_rate, 2e-5);

  EXPECT_EQ(errors_in(""),
            "run.yaml: model: missing, expected a model folder\n"
            "run.yaml: output: missing, expected a folder\n"
            "run.yaml: data.train: missing, expected a file or a list of files (JSONL, JSON, plain "
            "text)");
}

TEST(ParseRunConfig, ReportsEveryErrorWithFileAndLineAtOnce) {
  EXPECT_EQ(errors_in("model: m\n"
                      "output: o\n"
                      "data:\n"
                      "  train: t.jsonl\n"
                      "  max_lenght: 512\n"
                      "batch: {tokens_per_step: many}\n"
                      "optimizer:\n"
                      "  learning_rate: 2e5\n"
                      "  betas: [0.9]\n"
                      "learning_rate: 1e-4\n",
                      {"checkpoint.keep=0"}),
            "run.yaml:5: data.max_lenght: unknown key (did you mean data.max_length?)\n"
            "run.yaml:6: batch.tokens_per_step: got many, expected an integer from 16 to "
            "1073741824\n"
            "run.yaml:8: optimizer.learning_rate: got 2e5, expected a number above 0, "
            "at most 1\n"
            "run.yaml:9: optimizer.betas: got a list of 1, expected a list of two numbers, each "
            "from 0 to below 1\n"
            "run.yaml:10: learning_rate: unknown key (did you mean optimizer.learning_rate?)\n"
            "--set: checkpoint.keep: got 0, expected an integer from 1 to 1000000");
}

TEST(ParseRunConfig, AnswersTheKeysOfOtherTrainersWithOurs) {
  const std::string errors = errors_in(
      "model_name_or_path: m\noutput_dir: o\ndataset_path: d\ncutoff_len: 512\n"
      "per_device_train_batch_size: 4\ngradient_accumulation_steps: 8\nnum_train_epochs: 3\n"
      "lora_r: 8\nbf16: true\ndeepspeed: ds.json\ngradient_checkpointing: true\n");
  EXPECT_THAT(errors, HasSubstr("run.yaml:1: model_name_or_path: unknown key, here it is model\n"));
  EXPECT_THAT(errors, HasSubstr("run.yaml:4: cutoff_len: unknown key, here it is data.max_length"));
  EXPECT_THAT(errors,
              HasSubstr(":5: per_device_train_batch_size: unknown key, here it is "
                        "batch.tokens_per_micro_batch: "));
  EXPECT_THAT(errors,
              HasSubstr(":6: gradient_accumulation_steps: unknown key, here it is "
                        "batch.tokens_per_step: "));
  EXPECT_THAT(errors, HasSubstr(":7: num_train_epochs: unknown key, here it is training.epochs"));
  EXPECT_THAT(errors, HasSubstr(":8: lora_r: unknown key: adapters do not exist yet"));
  EXPECT_THAT(errors, HasSubstr(":9: bf16: unknown key, here it is training.precision"));
  EXPECT_THAT(errors, HasSubstr(":10: deepspeed: unknown key, here it is plan"));
}

TEST(ParseRunConfig, AnswersForeignKeysOnlyWithKeysThatExist) {
  const Schema<RunConfig>& schema = run_schema(Purpose::kTrain);
  for (const ForeignKey& foreign : schema.foreign_keys()) {
    const bool exists = foreign.ours.empty() ||
                        std::any_of(schema.keys().begin(),
                                    schema.keys().end(),
                                    [&](const KeyInfo& key) { return key.path == foreign.ours; });
    EXPECT_TRUE(exists) << foreign.name << " is answered with " << foreign.ours;
    EXPECT_FALSE(foreign.ours.empty() && foreign.answer.empty()) << foreign.name;
    EXPECT_THAT(errors_with({foreign.name + "=1"}), HasSubstr(foreign.name + ": unknown key"));
  }
}

TEST(ParseRunConfig, RefusesWhatDoesNotExistYetByName) {
  EXPECT_EQ(errors_with({"plan=best"}),
            "--set: plan: got best, expected auto, resident, recompute, zero_offload, "
            "zero_infinity, lohan, lohan_naive, lohan_serial, or a plan file, whose name ends in "
            ".yaml");
  EXPECT_EQ(errors_with({"device.kind=tpu"}),
            "--set: device.kind: got tpu, expected auto, host or cuda");
  EXPECT_EQ(errors_with({"optimizer.kind=lsp"}),
            "--set: optimizer.kind: got lsp, expected adamw (others do not exist yet)");
  EXPECT_THAT(
      errors_with({"limits.disk=[{path: /tmp}]"}),
      HasSubstr("limits.disk: got a list of 1, expected a list of {path: FOLDER, capacity: "));
}

TEST(ParseRunConfig, ReadsTheThreeKindsOfHeldOutSamples) {
  EXPECT_EQ(with({"data.eval=0.1"}).data.eval, (EvaluationSource{.fraction = 0.1}));
  EXPECT_EQ(with({"data.eval=none"}).data.eval, EvaluationSource{});
  EXPECT_EQ(with({"data.eval=held.jsonl"}).data.eval, (EvaluationSource{.file = "held.jsonl"}));
  for (const char* text : {"data.eval=1.5", "data.eval=-0.1", "data.eval=1", "data.eval=[0.1]"}) {
    EXPECT_THAT(errors_with({text}), HasSubstr("data.eval: got ")) << text;
  }
}

TEST(ParseRunConfig, TakesOneTrainingFileOrSeveral) {
  EXPECT_THAT(with({"data.train=[a.jsonl, b.txt]"}).data.train, ElementsAre("a.jsonl", "b.txt"));
  EXPECT_THAT(errors_with({"data.train=[]"}), HasSubstr("data.train: got a list of 0"));
  EXPECT_THAT(errors_with({"data.train=[a, [b]]"}), HasSubstr("data.train: got a list of 2"));
}

TEST(ParseRunConfig, RefusesToEvaluateOnTheTrainingFile) {
  EXPECT_THAT(errors_with({"data.eval=t.jsonl"}), HasSubstr("data.eval: got the training file"));
}

TEST(ParseRunConfig, LetsStepsReplaceTheDefaultEpochs) {
  const RunConfig config = with({"training.steps=10"});
  EXPECT_EQ(config.training.steps, 10);
  EXPECT_EQ(config.training.epochs, std::nullopt);
  EXPECT_EQ(errors_with({"training.steps=10", "training.epochs=2"}),
            "--set: training.steps: given together with training.epochs, expected one of them");
  EXPECT_THAT(errors_with({"training.epochs=none"}), HasSubstr("expected one of them"));
  EXPECT_EQ(with({"training.epochs=none", "training.steps=3"}).training.steps, 3);
}

TEST(ParseRunConfig, LetsWarmupStepsReplaceTheDefaultRatio) {
  const RunConfig config = with({"optimizer.warmup_steps=7"});
  EXPECT_EQ(config.optimizer.warmup_ratio, std::nullopt);
  EXPECT_THAT(errors_with({"optimizer.warmup_steps=7", "optimizer.warmup_ratio=0.1"}),
              HasSubstr("given together"));
  EXPECT_EQ(with({"optimizer.warmup_ratio=none"}).optimizer.warmup_steps, std::nullopt);
}

TEST(ParseRunConfig, ChecksTheBatchAgainstItself) {
  EXPECT_THAT(errors_with({"batch.tokens_per_micro_batch=3000"}),
              HasSubstr("got 3000, expected a divisor of tokens_per_step (8192)"));
  EXPECT_THAT(errors_with({"batch.tokens_per_micro_batch=512"}),
              HasSubstr("data.max_length: got 1024, expected at most the 512 tokens of a "
                        "micro-batch"));
  EXPECT_THAT(errors_with({"data.max_length=9000"}),
              HasSubstr("data.max_length: got 9000, expected at most the 8192 tokens of a step"));
}

TEST(ParseRunConfig, DoesNotBlameOneWrongKeyOnAnother) {
  EXPECT_EQ(errors_with({"batch.tokens_per_step=x", "batch.tokens_per_micro_batch=3000"}),
            "--set: batch.tokens_per_step: got x, expected an integer from 16 to 1073741824");
}

TEST(ParseRunConfig, KnowsFewerKeysForTheUseOfAModel) {
  const auto parse_use = [](const std::string& text) {
    return parse_run_config(parse_document(text, "x"), Purpose::kUseModel);
  };
  EXPECT_EQ(parse_use("model: m\ndata: {max_length: 4000}\n").batch.tokens_per_step, 4000);
  EXPECT_THROW(parse_use("model: m\noptimizer: {kind: adamw}\n"), ConfigError);
  EXPECT_THROW(parse_use("data: {max_length: 4000}\n"), ConfigError);
}

TEST(ToYaml, ReadsBackAsTheSameSettings) {
  const std::vector<std::vector<std::string>> variants{
      {},
      {"training.steps=10",
       "optimizer.warmup_steps=2",
       "training.max_grad_norm=none",
       "training.eval_every=none",
       "checkpoint.every=none"},
      {"data.eval=none", "data.chat_template=\"auto\"", "device.memory=24GiB", "device.threads=3"},
      {"data.eval=\"none\"",
       "data.chat_template=chatml",
       "device.memory=1000",
       "batch.tokens_per_micro_batch=1024"},
      {"data.eval=\"0.5\"",
       "output=\"a: b #c\"",
       "data.train=[\"x, y\", z]",
       "training.epochs=0.5"},
      {"optimizer.betas=[0.1, 0.30000000000000004]",
       "training.precision=bf16",
       "training.seed=18446744073709551615",
       "optimizer.decay_norms_and_biases=true"}};
  for (const auto& variant : variants) {
    const RunConfig config = with(variant);
    for (const bool with_comments : {false, true}) {
      const std::string text = to_yaml(config, with_comments);
      const RunConfig copy = parse(text);
      EXPECT_EQ(to_yaml(copy), to_yaml(config)) << text;
      EXPECT_EQ(copy.data.eval, config.data.eval);
      EXPECT_EQ(copy.data.chat_template, config.data.chat_template);
      EXPECT_EQ(copy.optimizer.adamw.beta2, config.optimizer.adamw.beta2);
    }
  }
}

TEST(ToYaml, WritesEveryKey) {
  const Document document = parse_document(to_yaml(with({})), "x");
  for (const KeyInfo& key : run_schema(Purpose::kTrain).keys()) {
    const std::size_t dot = key.path.find('.');
    const ConfigNode* node = find(document.root, key.path.substr(0, dot));
    ASSERT_NE(node, nullptr) << key.path;
    if (dot != std::string::npos) node = find(*node, key.path.substr(dot + 1));
    EXPECT_NE(node, nullptr) << key.path;
  }
}

TEST(ChangedNumbers, ListsOnlyWhatChangesNumbers) {
  EXPECT_THAT(
      changed_numbers(
          with({}),
          with({"device.threads=7", "checkpoint.keep=9", "output=elsewhere", "resume=never"})),
      testing::IsEmpty());
  EXPECT_THAT(
      changed_numbers(with({}), with({"optimizer.learning_rate=1e-4", "training.seed=1"})),
      ElementsAre("training.seed was 42, is 1", "optimizer.learning_rate was 2e-5, is 1e-4"));
}

TEST(LearningRateScheduleOf, TurnsTheRatioIntoSteps) {
  EXPECT_EQ(learning_rate_schedule(with({}).optimizer, 101).warmup_steps, 4);
  EXPECT_EQ(learning_rate_schedule(with({"optimizer.warmup_steps=7"}).optimizer, 101).warmup_steps,
            7);
}

}  // namespace
}  // namespace longhaul
