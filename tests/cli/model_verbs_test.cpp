// The verbs that work without a training half, on a model small enough for a test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kGguf = LONGHAUL_TEST_DATA "/formats/llama.gguf";

class ModelVerbs : public testing::Test {
 protected:
  static test::Outcome run(std::vector<std::string> words) {
    return test::Process(LONGHAUL_WITHOUT_HALF, std::move(words)).wait();
  }

  std::string model() const { return folder_ / "model"; }
  std::string data() const { return folder_ / "train.jsonl"; }
  std::string run_file() const { return folder_ / "run.yaml"; }

  void make_model() const { ASSERT_EQ(run({"convert", kGguf, model()}).exit_code, 0); }

  void make_data(int samples) const {
    std::string lines;
    for (int i = 0; i < samples; ++i) {
      lines += R"({"prompt": "aa )" + std::to_string(i) + R"(", "completion": "bb"})" + "\n";
    }
    test::write_bytes(data(), lines);
  }

  test::Outcome init() const {
    return run({"init", model(), data(), "--file", run_file(), "--output", folder_ / "out"});
  }

  test::TemporaryFolder folder_;
};

TEST_F(ModelVerbs, ConvertMakesAModelFolder) {
  const test::Outcome outcome = run({"convert", kGguf, model()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr(model() + ": llama, "), HasSubstr(" parameters in ")));
  EXPECT_TRUE(std::filesystem::exists(model() + "/config.json"));
  EXPECT_TRUE(std::filesystem::exists(model() + "/tokenizer.json"));
}

TEST_F(ModelVerbs, ConvertReplacesAFolderOnlyWhenItIsToldTo) {
  make_model();
  const test::Outcome refused = run({"convert", kGguf, model()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr(model()));
  EXPECT_EQ(run({"convert", kGguf, model(), "--replace"}).exit_code, 0);
}

TEST_F(ModelVerbs, InitWritesARunFileThatWorks) {
  make_model();
  make_data(30);
  const test::Outcome outcome = init();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr(data()), HasSubstr("longhaul train " + run_file())));
  EXPECT_THAT(test::read_bytes(run_file()), HasSubstr("# Optimizer steps of the run"));
  EXPECT_EQ(run({"data", run_file()}).exit_code, 0);
}

TEST_F(ModelVerbs, InitNeverOverwritesAFile) {
  make_model();
  make_data(30);
  test::write_bytes(run_file(), "precious");
  EXPECT_EQ(init().exit_code, 1);
  EXPECT_EQ(test::read_bytes(run_file()), "precious");
}

TEST_F(ModelVerbs, InitHoldsNothingOutOfVeryFewSamples) {
  make_model();
  make_data(3);
  ASSERT_EQ(init().exit_code, 0);
  EXPECT_THAT(test::read_bytes(run_file()), HasSubstr("\n  eval: none\n"));
}

TEST_F(ModelVerbs, InitSaysWhatToDoWithAGgufFile) {
  make_data(3);
  const test::Outcome outcome = run({"init", kGguf, data(), "--file", run_file()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("`longhaul convert " + kGguf + " FOLDER` makes one"));
  EXPECT_FALSE(std::filesystem::exists(run_file()));
}

TEST_F(ModelVerbs, DataShowsWhatIsLearned) {
  make_model();
  make_data(30);
  ASSERT_EQ(init().exit_code, 0);
  const test::Outcome outcome =
      run({"data", run_file(), "--sample", "2", "--set", "data.eval=none"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("train.jsonl"), HasSubstr("prompt/completion")));
}

TEST_F(ModelVerbs, DataNamesTheLineOfABadSample) {
  make_model();
  make_data(5);
  ASSERT_EQ(init().exit_code, 0);
  test::write_bytes(data(), test::read_bytes(data()) + "{\"prompt\": 5}\n");
  const test::Outcome outcome = run({"data", run_file()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("train.jsonl:6"));
}

}  // namespace
}  // namespace longhaul
