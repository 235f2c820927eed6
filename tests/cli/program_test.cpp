// The program with a training half that only pretends: arguments, messages, exit codes.
#include "program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

test::Outcome run(std::vector<std::string> words, const std::string& input = {}) {
  return test::Process(LONGHAUL_WITH_FAKE_HALF, std::move(words)).wait(input);
}

class RunFile : public testing::Test {
 protected:
  std::string write_run(const std::string& model, const std::string& more = {}) const {
    const std::string file = folder_ / "run.yaml";
    test::write_bytes(file, "model: " + model + "\noutput: out\ndata: {train: t.jsonl}\n" + more);
    return file;
  }

  test::TemporaryFolder folder_;
};

TEST(Program, ExplainsItself) {
  const test::Outcome outcome = run({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* verb : {"train", "eval", "generate", "data", "convert", "init", "doctor"}) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string("\n  ") + verb + " "));
    const test::Outcome help = run({verb, "--help"});
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_THAT(help.out, HasSubstr(std::string("Usage: longhaul ") + verb));
  }
  EXPECT_EQ(run({"--version"}).out, "longhaul " LONGHAUL_VERSION "\n");
}

TEST(Program, ShowsItsHelpWhenItIsCalledWithNothing) {
  const test::Outcome outcome = run({});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.out, HasSubstr("Usage: longhaul"));
}

TEST(Program, AnswersAWrongCommandLineInOneLine) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"trian", "x"}, "trian (did you mean train?)"},
      {{"train"}, "RUN.yaml is required (see `longhaul train --help`)"},
      {{"train", "a", "b"}, "b (see `longhaul train --help`)"},
      {{"train", "a", "--fast"}, "--fast (see `longhaul train --help`)"},
      {{"generate", "m", "--top-p", "2"}, "--top-p: Value 2"}};
  for (const auto& [words, message] : cases) {
    const test::Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, AllOf(StartsWith("longhaul: error: "), HasSubstr(message)));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

TEST_F(RunFile, IsCheckedBeforeAnythingIsLoaded) {
  const std::string file = write_run("too-large", "lr: 1\nplan: best\n");
  const test::Outcome outcome =
      run({"train", file, "--set", "checkpoint.keep=0", "--set", "training.seed=x"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(
      outcome.err,
      "longhaul: error: " + file + ":4: lr: unknown key, here it is optimizer.learning_rate\n" +
          file +
          ":5: plan: got best, expected auto, resident, recompute, zero_offload, zero_infinity, "
          "lohan, lohan_naive, lohan_serial, or a plan file, whose name ends in .yaml\n"
          "--set: training.seed: got x, expected an integer from 0 to 18446744073709551615\n"
          "--set: checkpoint.keep: got 0, expected an integer from 1 to 1000000\n");
}

TEST_F(RunFile, IsNamedWhenItIsMissing) {
  const test::Outcome outcome = run({"train", "/nonexistent/run.yaml"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(
      outcome.err,
      "longhaul: error: /nonexistent/run.yaml: cannot be opened: No such file or directory\n");
}

TEST_F(RunFile, TrainsAndSaysWhatItDoes) {
  const test::Outcome outcome = run({"train",
                                     write_run("m",
                                               "training: {steps: 3, precision: "
                                               "bf16}\ndevice: {threads: 2}\n")});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "longhaul: warning: this is no real training\n");
  EXPECT_EQ(
      outcome.out,
      "longhaul train\n"
      "  model       m (llama), 134,515,008 parameters\n"
      "  data        1,200 samples to train on, 60 held out, 3 left out, micro-batches 97.4 "
      "% full\n"
      "  batch       8,192 tokens a step in micro-batches of 2,048, samples of at most "
      "1,024\n"
      "  steps       3\n"
      "  states      weight bf16, remainder int16\n"
      "  device      host, 2 threads\n"
      "  memory      1.00 GiB planned\n"
      "    weights                        256 MiB\n"
      "    saved tensors                  768 MiB\n"
      "  plan        auto\n"
      "              weights: 100 % device\n"
      "  output      out\n"
      "step 1/3  loss 2.0000  grad norm 1.25  learning rate 2e-05  4000 tokens/s  ETA 4.00 "
      "s\n"
      "step 3/3  loss 0.6667  grad norm 1.25  learning rate 2e-05  4000 tokens/s  ETA 0.00 "
      "us\n"
      "a step takes 2.00 s, predicted were 1.00 s (+100 %)\n"
      "  compute     busy 1.90 s, predicted 900 ms\n"
      "  compute is furthest from what was predicted; measure again\n"
      "step 3/3  held-out loss 1.500000 (perplexity 4.482) on 60 samples, 3,400 target tokens, "
      "2.00 s\n"
      "step 3/3  checkpoint out/checkpoints/step-4\n"
      "the trained model is in out/model\n");
}

TEST_F(RunFile, TakesSettingsFromTheCommandLine) {
  const test::Outcome outcome =
      run({"train", write_run("m"), "--set", "training.steps=7", "--set", "model=other"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("other (llama)"), HasSubstr("step 7/7")));
}

TEST_F(RunFile, ShowsOneProgressLineThatIsOverwrittenOnATerminal) {
  const test::Outcome outcome =
      test::run_on_terminal(LONGHAUL_WITH_FAKE_HALF, {"train", write_run("m")});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("\r\x1B[Kloading the model: 1 of 2 tensors (50 %)"));
  EXPECT_THAT(outcome.out, HasSubstr("\r\x1B[Kstep 2/4  loss 1.0000"));
  EXPECT_THAT(outcome.out, HasSubstr("\r\x1B[Kstep 4/4"));
  EXPECT_THAT(outcome.out, HasSubstr("the trained model is in out/model"));
}

TEST_F(RunFile, WritesATraceOfAStep) {
  const std::string trace = folder_ / "trace.json";
  EXPECT_EQ(run({"train", write_run("m"), "--trace", trace}).exit_code, 0);
  EXPECT_THAT(test::read_bytes(trace), HasSubstr("traceEvents"));
}

TEST_F(RunFile, StopsAfterTheStepOnCtrlC) {
  test::Process process(LONGHAUL_WITH_FAKE_HALF,
                        {"train", write_run("m"), "--set", "training.steps=100000"});
  process.wait_for("step 1/");
  process.signal(SIGINT);
  const test::Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.out, HasSubstr("the same command goes on from checkpoints/step\n"));
  EXPECT_THAT(outcome.err, HasSubstr("interrupt again to end at once"));
}

TEST_F(RunFile, ReportsFailuresOfTheTrainingHalfWithTheirOwnWords) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"too-large", "device: needs 3 GiB, has 2 GiB"},
      {"out-of-memory", "out of memory"},
      {"foreign", "a library failed"}};
  for (const auto& [model, message] : cases) {
    const test::Outcome outcome = run({"train", write_run(model)});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(outcome.err, "longhaul: error: " + message + "\n");
  }
}

TEST(Eval, PrintsTheLossOfAFile) {
  const test::Outcome outcome = run({"eval", "m", "a \"b\".jsonl"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "loss 1.500000 (perplexity 4.482) on 11 samples, 3,400 target tokens, 2.00 s\n");
}

TEST(Eval, TakesAFileNamedLikeAWord) {
  EXPECT_THAT(run({"eval", "m", "none"}).out, HasSubstr("on 4 samples"));
}

TEST(Eval, RefusesSettingsThatHaveNoMeaningHere) {
  const test::Outcome outcome = run({"eval", "m", "f", "--set", "optimizer.kind=adamw"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("--set: optimizer: unknown key"));
}

TEST(Generate, AnswersAPrompt) {
  const test::Outcome outcome = run(
      {"generate", "m", "Hello", "--system", "Be brief.", "--seed", "7", "--temperature", "0.5"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "[system] Be brief. [user] Hello seed 7 temperature 0.5\n");
}

TEST(Generate, ReadsThePromptFromStandardInput) {
  EXPECT_EQ(run({"generate", "m"}, "two\nlines").out, "[user] two\nlines seed 42 temperature 0\n");
}

TEST(Generate, ContinuesATextWithoutTemplate) {
  EXPECT_EQ(run({"generate", "m", "--raw", "Once "}).out, "Once seed 42 temperature 0\n");
  EXPECT_EQ(run({"generate", "base", "Once "}).out, "Once seed 42 temperature 0\n");
}

TEST(Doctor, ListsWhatIsThere) {
  const test::Outcome outcome = run({"doctor", "/"});
  EXPECT_THAT(outcome.out, HasSubstr("\nprocessor "));
  EXPECT_THAT(outcome.out, HasSubstr("\nmemory "));
  EXPECT_THAT(outcome.out, HasSubstr("\ndisk           "));
  EXPECT_THAT(outcome.out, HasSubstr("\ntraining half  ok       FakeTorch 1.0\n"));
}

TEST(Doctor, EndsWithAnErrorWhenSomethingIsMissing) {
  const test::Outcome outcome = run({"doctor", "/nonexistent"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("disk           PROBLEM  /nonexistent: No such file"));
}

TEST_F(RunFile, NeedsATrainingHalfOnlyToTrain) {
  const auto run_alone = [](std::vector<std::string> words) {
    return test::Process(LONGHAUL_WITHOUT_HALF, std::move(words)).wait();
  };
  const std::string file = write_run("m");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"train", file}, {"eval", "m", "f"}, {"generate", "m", "hello"}}) {
    const test::Outcome outcome = run_alone(words);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err,
                StartsWith("longhaul: error: the training half (liblonghaul_training.so) is not "
                           "there: this build has no LibTorch."));
  }
  EXPECT_THAT(run_alone({"doctor"}).out, HasSubstr("training half  PROBLEM  missing"));
}

TEST_F(RunFile, RefusesATrainingHalfOfAnotherVersion) {
  const test::Outcome outcome =
      test::Process(LONGHAUL_WITH_OLD_HALF, {"train", write_run("m")}).wait();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("got version 0.0.0-old, expected " LONGHAUL_VERSION));
}

// A small model on a machine that is not this one.
class PlanVerb : public RunFile {
 protected:
  test::Outcome plan(const std::string& subject, std::vector<std::string> more) const {
    std::vector<std::string> words{"plan",
                                   subject,
                                   "--hardware",
                                   LONGHAUL_SOURCE_DIR "/configs/hardware/emulated_server.yaml"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  std::string model() const {
    const std::string file = folder_ / "config.json";
    test::write_bytes(file,
                      R"({"model_type":"gpt2","vocab_size":1000,"n_positions":256,"n_ctx":256,)"
                      R"("n_embd":256,"n_layer":4,"n_head":4,"activation_function":"gelu_new",)"
                      R"("layer_norm_epsilon":1e-5})");
    return file;
  }
};

TEST_F(PlanVerb, SavesAPlanThatTakesTheSameTime) {
  const std::string file = folder_ / "plan.yaml";
  const std::vector<std::string> caps{
      "--set", "device.memory=24MiB", "--set", "batch.tokens_per_step=1024", "--json"};
  std::vector<std::string> words = caps;
  words.insert(words.end(), {"--save", file});
  const test::Outcome made = plan(model(), words);
  ASSERT_EQ(made.exit_code, 0) << made.out << made.err;
  words = caps;
  words.insert(words.end(), {"--set", "plan=" + file});
  const test::Outcome loaded = plan(model(), words);
  ASSERT_EQ(loaded.exit_code, 0) << loaded.out << loaded.err;
  const auto prediction = [](const std::string& text) {
    const std::size_t at = text.find("\"prediction\"");
    return text.substr(at, text.find("\"ledger\"", at) - at);
  };
  EXPECT_THAT(prediction(made.out), HasSubstr("step_seconds"));
  EXPECT_EQ(prediction(loaded.out), prediction(made.out));
}

TEST_F(PlanVerb, WritesMoreToDiskWhereThatCostsNothing) {
  struct Planned {
    double seconds;
    double written;
  };
  const auto planned = [](const std::string& price) {
    std::vector<std::string> words{"plan",
                                   LONGHAUL_SOURCE_DIR "/configs/models/gpt-175b.json",
                                   "--hardware",
                                   LONGHAUL_SOURCE_DIR "/configs/hardware/lohan_rtx4090.yaml",
                                   "--json"};
    for (const char* setting : {"training.max_grad_norm=none",
                                "data.max_length=1024",
                                "batch.tokens_per_step=16384",
                                "batch.tokens_per_micro_batch=8192"}) {
      words.insert(words.end(), {"--set", setting});
    }
    words.insert(words.end(), {"--set", "limits.write_price=" + price});
    const std::string text = run(words).out;
    const auto number = [&](const std::string& object, const std::string& key) {
      const std::string quoted = '"' + key + "\":";
      return std::stod(text.substr(text.find(quoted, text.find(object)) + quoted.size()));
    };
    return Planned{number("\"prediction\"", "step_seconds"), number("moved_bytes", "disk_write")};
  };
  const Planned free = planned("0");
  const Planned dear = planned("1");
  EXPECT_LT(free.seconds, dear.seconds);
  EXPECT_GT(free.written, dear.written);
}

TEST_F(PlanVerb, ShowsStepsOfMoreAndOfFewerTokens) {
  const test::Outcome outcome = plan(model(), {"--set", "batch.tokens_per_step=1024", "--curve"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("tokens/step  micro-batch  s/step  tokens/s"));
  for (const char* row : {"\n256 ", "\n512 ", "\n1024 ", "\n2048 ", "\n16384 "}) {
    EXPECT_THAT(outcome.out, HasSubstr(row));
  }
  EXPECT_THAT(outcome.out, Not(HasSubstr("does not fit")));
}

}  // namespace
}  // namespace longhaul
