// The program under plans: the same model whatever the plan, and what it says of plans that are
// impossible. Then the model that came out is asked something.
#include <fstream>

#include "longhaul/core/json.h"
#include "longhaul/io/file_system.h"

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

// Under caps of the device, and under caps of both with a disk.
TEST_F(Plans, MadeByAutoGiveTheSameModel) {
  const std::string expected = weights_after({});
  for (const char* cap : {"8MiB", "1700KiB", "1400KiB"}) {
    EXPECT_EQ(weights_after({"--set", "plan=auto", "--set", std::string("device.memory=") + cap}),
              expected)
        << cap;
    EXPECT_THAT(test::read_bytes(output() / "plan.yaml"), HasSubstr("policy: auto")) << cap;
  }
  for (const char* host : {"700KiB", "600KiB", "500KiB", "400KiB"}) {
    EXPECT_EQ(weights_after(with_disk({"--set",
                                       "plan=auto",
                                       "--set",
                                       "device.memory=1700KiB",
                                       "--set",
                                       std::string("limits.host_memory=") + host})),
              expected)
        << host;
  }
}

TEST_F(Plans, ThatAutoCannotMakeSayWhyNot) {
  expect_refusal({"train", run_file(), "--set", "plan=auto", "--set", "device.memory=1KiB"},
                 "plan: auto: device memory: every plan takes at least ");
}

TEST_F(Plans, GoByTheProfileOfThisMachine) {
  const Words words{"train", run_file(), "--set", "resume=never", "--set", "plan=auto"};
  EXPECT_THAT(run(words).out, HasSubstr("machine: assumed figures"));

  const std::string profile = folder_ / "cache/longhaul/hardware.yaml";
  std::filesystem::create_directories(std::filesystem::path(profile).parent_path());
  std::filesystem::copy(LONGHAUL_SOURCE_DIR "/configs/hardware/emulated_two_cores.yaml", profile);
  test::Outcome outcome = run(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("machine: " + profile + "\n"));

  test::write_bytes(profile, "name: damaged\n");
  outcome = run(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("warning: the profile of this machine is not used"));
  EXPECT_THAT(outcome.out, HasSubstr("machine: assumed figures"));
}

// The nodes of the model are measured by the first run, and by the next one if the file is damaged.
TEST_F(Plans, GoByWhatTheModelTakesOnThisMachine) {
  const Words train{"train", run_file(), "--set", "resume=never", "--set", "plan=auto"};
  const Words plan{"plan", run_file(), "--set", "plan=auto"};
  const std::string measured = "the model's nodes as measured";
  EXPECT_THAT(run(plan).out, Not(HasSubstr(measured)));

  test::Outcome outcome = run(train);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("what the nodes of the model take was measured in "));
  EXPECT_THAT(outcome.out, HasSubstr("seconds of the model's nodes: measured on this device"));
  const auto files = std::filesystem::directory_iterator(folder_ / "cache/longhaul/models");
  const std::string file = files->path().string();
  EXPECT_THAT(outcome.err, HasSubstr("kept in " + file));
  EXPECT_THAT(file, HasSubstr("fp32-32-tokens-"));
  EXPECT_THAT(run(plan).out, HasSubstr(measured));

  outcome = run(train);
  EXPECT_THAT(outcome.err, Not(HasSubstr("measured")));
  EXPECT_THAT(outcome.out, HasSubstr("measured on this device"));
  // Micro-batches of another size are another measurement.
  EXPECT_THAT(
      run({"plan", run_file(), "--set", "plan=auto", "--set", "batch.tokens_per_micro_batch=64"})
          .out,
      Not(HasSubstr(measured)));

  test::write_bytes(file, "{}");
  outcome = run(train);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err,
              HasSubstr("warning: what was measured of this model is not used: " + file));
  EXPECT_THAT(outcome.err, HasSubstr("kept in " + file));
  EXPECT_THAT(run(plan).out, HasSubstr(measured));
}

TEST_F(Plans, AreMadeAfterTheModelWasMeasuredByItself) {
  const test::Outcome outcome = run({"profile", run_file()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1 thread, fp32, 32 tokens in sequences of "));
  EXPECT_THAT(outcome.out, HasSubstr("swiglu "));
  EXPECT_THAT(run({"train", run_file(), "--set", "plan=auto"}).err, Not(HasSubstr("was measured")));
}

// Another machine's figures, by name, and this one's: they do not mix.
TEST_F(Plans, ForAnotherMachineDoNotUseWhatWasMeasuredHere) {
  ASSERT_EQ(run({"profile", run_file()}).exit_code, 0);
  const std::string other = LONGHAUL_SOURCE_DIR "/configs/hardware/emulated_two_cores.yaml";
  EXPECT_THAT(run({"plan", run_file(), "--set", "plan=auto", "--hardware", other}).out,
              Not(HasSubstr("as measured")));
}

TEST_F(Plans, WarnOfADiskInMemory) {
  if (!std::filesystem::is_directory("/dev/shm") || memory_file_system("/dev/shm").empty()) {
    GTEST_SKIP() << "no tmpfs on this machine";
  }
  const std::string disk = "limits.disk=[{path: /dev/shm, capacity: 16MiB}]";
  const std::string warning =
      "warning: " + run_file() + ": limits.disk: /dev/shm: is a RAM disk (tmpfs)";
  for (const char* verb : {"plan", "train"}) {
    EXPECT_THAT(run({verb, run_file(), "--set", disk}).err, HasSubstr(warning)) << verb;
  }
}

TEST_F(Plans, AreNotMadeForAnotherKindOfDevice) {
  const std::string key = "hardware=" LONGHAUL_SOURCE_DIR "/configs/hardware/emulated_server.yaml";
  expect_refusal({"train", run_file(), "--set", key, "--set", "plan=auto"},
                 "is of a GPU and the run computes on a processor");
  const test::Outcome outcome = run({"train", run_file(), "--set", key});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("warning: nothing is predicted: hardware: "));
}

TEST_F(Plans, ArePredictedAndComparedWithWhatHappened) {
  const Words words{"train",
                    run_file(),
                    "--set",
                    "plan=recompute",
                    "--set",
                    "hardware=" LONGHAUL_SOURCE_DIR "/configs/hardware/emulated_two_cores.yaml"};
  const test::Outcome outcome = run(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("predicted: "));
  EXPECT_THAT(outcome.out, HasSubstr("a step takes "));
  const std::string file = (output() / "prediction.json").string();
  const Json prediction = Json::parse(test::read_bytes(file), file);
  const Json measured = prediction.at("measured");
  for (const Json& times : {prediction, measured}) {
    EXPECT_GT(times.at("seconds").as_double(), 0.0);
    for (const char* lane : {"compute", "h2d", "d2h", "host", "disk_read", "disk_write"}) {
      EXPECT_GE(times.at("lanes").at(lane).as_double(), 0.0) << lane;
    }
  }
  EXPECT_GT(measured.at("lanes").at("compute").as_double(), 0.0);
  EXPECT_LT(measured.at("lanes").at("compute").as_double(), measured.at("seconds").as_double());
}

// A policy without a profile: nothing is known of the machine, so nothing is predicted.
TEST_F(Plans, AreNotPredictedWithoutAProfile) {
  EXPECT_THAT(train().out, Not(HasSubstr("predicted")));
  EXPECT_FALSE(std::filesystem::exists(output() / "prediction.json"));
}

TEST_F(Plans, MayChangeTwiceInARun) {
  const std::string expected = weights_after({});
  const std::string file = plan_file(
      "group: all\nupdate: in_next_forward\nweights: {home: host}\n"
      "states: {home: disk, in_ram: 0.5}\ngradients: host\nupdate_on: host\n");
  const Words automatic{"plan=auto", "device.memory=1700KiB"};
  std::filesystem::remove_all(output());
  // The rate of a step depends on how many there are, so a run is cut off, not made shorter.
  const auto go_on = [&](Words settings, int until) {
    Words words{"train", run_file()};
    for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
    const test::Outcome outcome = run(with_disk(words));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    for (int step = until + 1; step <= 6; ++step) {
      std::filesystem::remove_all(output() / ("checkpoints/step-" + std::to_string(step)));
    }
    if (until < 6) std::filesystem::remove_all(output() / "model");
    return outcome.out;
  };
  const std::string keep = "checkpoint.keep=3";
  go_on({"plan=auto", "device.memory=1700KiB", keep}, 2);
  EXPECT_THAT(go_on({"plan=" + file, keep}, 4), HasSubstr("resumed after step 2"));
  EXPECT_THAT(go_on(automatic, 6), HasSubstr("resumed after step 4"));
  EXPECT_EQ(test::read_bytes(output() / "model/model.safetensors"), expected);
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
