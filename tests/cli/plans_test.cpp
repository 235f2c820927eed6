// The program under plans: the same model whatever the plan, and what it says of plans that are
// impossible. Then the model that came out is asked something.
#include <fstream>

#include "small_run.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::Not;

class Plans : public test::SmallRun {
 protected:
  // Trains into a fresh folder; the bytes of the model that comes out.
  std::string weights_after(Words settings) {
    settings.insert(settings.begin(), {"train", run_file(), "--set", "resume=never"});
    const test::Outcome outcome = run(settings);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return test::read_bytes(output() / "model/model.safetensors");
  }
  Words disk() const {
    return {"--set", "limits.disk=[{path: " + folder_.path().string() + ", capacity: 1GiB}]"};
  }
  Words with_disk(Words words) const {
    const Words more = disk();
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string plan_file(const std::string& text) const {
    const std::string file = folder_ / "plan.yaml";
    test::write_bytes(file, text);
    return file;
  }
};

TEST_F(Plans, GiveTheSameModel) {
  const std::string expected = weights_after({});
  ASSERT_FALSE(expected.empty());
  for (const char* policy : {"recompute", "zero_offload", "zero_infinity", "lohan_serial"}) {
    EXPECT_EQ(weights_after(with_disk({"--set", std::string("plan=") + policy})), expected)
        << policy;
  }
  const std::string file = plan_file(
      "group: all\nupdate: in_next_forward\nweights: {home: host}\n"
      "states: {home: disk, in_ram: 0.5}\ngradients: host\nupdate_on: host\n");
  EXPECT_EQ(weights_after(with_disk({"--set", "plan=" + file})), expected);
  EXPECT_THAT(test::read_bytes(output() / "plan.yaml"), HasSubstr("update: in_next_forward"));
}

// With evaluations and checkpoints on the way, which find the states in either slot.
TEST_F(Plans, WithSpeculativeUpdatesGiveTheSameModel) {
  const std::string expected = weights_after({});
  const std::string file = plan_file(
      "update: speculative\nweights: {home: host}\nstates: {home: disk, in_ram: 0.5}\n"
      "gradients: host\nupdate_on: host\n");
  EXPECT_EQ(weights_after(with_disk({"--set", "plan=" + file})), expected);
}

TEST_F(Plans, MayBeMadeByAPolicyThatSwapsAnAmount) {
  const std::string expected = weights_after({});
  const std::string file = plan_file("policy: lohan_serial\nswap_bytes: 64KiB\n");
  EXPECT_EQ(weights_after(with_disk({"--set", "plan=" + file})), expected);
  EXPECT_THAT(test::read_bytes(output() / "plan.yaml"), HasSubstr("action: host"));
}

TEST_F(Plans, MayChangeWhereARunIsResumed) {
  const std::string expected = weights_after({});
  ASSERT_EQ(run({"train", run_file(), "--set", "resume=never"}).exit_code, 0);
  std::filesystem::remove_all(output() / "checkpoints/step-6");
  std::filesystem::remove_all(output() / "model");

  const test::Outcome outcome =
      run(with_disk({"train", run_file(), "--set", "plan=zero_infinity"}));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(test::read_bytes(output() / "model/model.safetensors"), expected);
}

TEST_F(Plans, WithUpdatesInBackwardAreRefusedTogetherWithClipping) {
  const std::string file = plan_file("update: in_backward\n");
  expect_refusal({"train", run_file(), "--set", "plan=" + file}, "training.max_grad_norm asks for");
  expect_refusal({"train",
                  run_file(),
                  "--set",
                  "plan=lohan",
                  "--set",
                  "training.max_grad_norm=none",
                  "--set",
                  "training.on_nonfinite=skip"},
                 "in_backward cannot take back an update");
}

TEST_F(Plans, ThatNeedTheDiskSayWhatIsMissing) {
  expect_refusal({"train", run_file(), "--set", "plan=zero_infinity"}, "limits.disk");
}

TEST_F(Plans, ThatDoNotFitSayWhatIsNeeded) {
  expect_refusal({"train", run_file(), "--set", "device.memory=1KiB"}, "device memory: needs ");
}

TEST_F(Plans, ThatNeedMoreOfAFolderThanTheyMayTakeSayHowMuch) {
  expect_refusal({"train",
                  run_file(),
                  "--set",
                  "plan=zero_infinity",
                  "--set",
                  "limits.disk=[{path: " + folder_.path().string() + ", capacity: 1048575}]"},
                 "disk store: needs 1.00 MiB, but its folders may take 0 B in whole stripes");
}

TEST_F(Plans, OfAnotherModelAreRefusedByTheBlockThatIsMissing) {
  const std::string file = plan_file("blocks: {layer 7: {update_on: host}}\n");
  expect_refusal({"train", run_file(), "--set", "plan=" + file},
                 "blocks: layer 7: the model has no such block; it has embedding to head");
}

TEST_F(Plans, AreRefusedByFileAndLine) {
  expect_refusal({"train", run_file(), "--set", "plan=" + plan_file("group: 1\nupdat: x\n")},
                 "plan.yaml:2: updat: unknown key");
}

TEST_F(Plans, LeadToAModelThatAnswers) {
  ASSERT_EQ(run({"train", run_file(), "--set", "training.steps=40"}).exit_code, 0);
  const Words ask{"generate", output().string(), "aa 1", "--raw", "--max-new-tokens", "8"};
  const test::Outcome first = run(ask);
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, Not(testing::MatchesRegex("\\s*")));
  EXPECT_EQ(run(ask).out, first.out);
}

}  // namespace
}  // namespace longhaul
