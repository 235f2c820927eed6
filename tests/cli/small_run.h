// The real program, training half included, on a model of some kilobytes in a folder of its own.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"
#include "support/temporary_folder.h"

namespace longhaul::test {

using Files = std::map<std::string, std::string>;

// Names that were added, removed or have another content.
inline std::vector<std::string> changes(const Files& before, const Files& after) {
  std::vector<std::string> names;
  for (const auto& [name, content] : before) {
    const auto found = after.find(name);
    if (found == after.end() || found->second != content) names.push_back(name);
  }
  for (const auto& [name, content] : after) {
    if (!before.contains(name)) names.push_back(name);
  }
  return names;
}

class SmallRun : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  void SetUp() override {
    const Outcome made = run({"convert", LONGHAUL_TEST_DATA "/formats/llama.gguf", model()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    std::string lines;
    for (int i = 0; i < 30; ++i) {
      lines += R"({"prompt": "aa )" + std::to_string(i) + R"(", "completion": "bb"})" + "\n";
    }
    write_bytes(data(), lines);
    write_bytes(run_file(),
                "model: " + model() + "\noutput: " + output().string() +
                    "\ndata: {train: " + data() +
                    ", eval: 0.2, max_length: 32}\n"
                    "batch: {tokens_per_step: 64, tokens_per_micro_batch: 32}\n"
                    "training: {steps: 6, precision: fp32, eval_every: 2}\n"
                    "optimizer: {learning_rate: 1e-3}\n"
                    "checkpoint: {every: 2, keep: 2}\ndevice: {threads: 1}\nplan: resident\n");
    // No test depends on whether this machine has a profile.
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
  }

  std::string model() const { return folder_ / "model"; }
  std::string weights() const { return model() + "/model.safetensors"; }
  std::string data() const { return folder_ / "train.jsonl"; }
  std::string run_file() const { return folder_ / "run.yaml"; }
  std::filesystem::path output() const { return folder_ / "out"; }
  Files files() const { return snapshot(folder_.path()); }

  static Outcome run(Words words, const std::function<void()>& prepare = {}) {
    return Process(LONGHAUL_PROGRAM, std::move(words), prepare).wait();
  }
  Outcome train(const std::function<void()>& prepare = {}) const {
    return run({"train", run_file()}, prepare);
  }

  // The command ends with one error that says `message`, and changes no file.
  void expect_refusal(const Words& words, const std::string& message) const {
    const Files before = files();
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, testing::StartsWith("longhaul: error: "));
    EXPECT_THAT(outcome.err, testing::HasSubstr(message));
    EXPECT_THAT(changes(before, files()), testing::IsEmpty());
  }
  void expect_refusal(const std::string& message) const {
    expect_refusal({"train", run_file()}, message);
  }

  TemporaryFolder folder_;
};

}  // namespace longhaul::test
