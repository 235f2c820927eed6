#include "longhaul/run/run_folder.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/run/environment.h"

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

RunConfig some_config() {
  RunConfig config;
  config.model = "m";
  config.output = "o";
  config.data.train = {"t.jsonl"};
  return config;
}

class RunFolderTest : public testing::Test {
 protected:
  fs::path output() const { return folder_.path() / "runs" / "first"; }

  void start_run() const { RunFolder(output(), Resume::kAuto).write_settings(some_config(), {}); }

  static void make_checkpoint(const RunFolder& run, std::int64_t step) {
    fs::create_directories(run.checkpoint_folder(step));
    std::ofstream(run.checkpoint_folder(step) / "weights") << step;
  }

  static std::vector<std::int64_t> steps_of(const RunFolder& run) {
    std::vector<std::int64_t> steps;
    for (const CheckpointFolder& checkpoint : run.checkpoints()) steps.push_back(checkpoint.step);
    return steps;
  }

  test::TemporaryFolder folder_;
};

TEST_F(RunFolderTest, IsMadeWithItsParents) {
  const RunFolder run(output(), Resume::kAuto);
  EXPECT_TRUE(fs::is_directory(output()));
  EXPECT_THAT(run.checkpoints(), testing::IsEmpty());
  EXPECT_TRUE(run.moved_aside().empty());
}

TEST_F(RunFolderTest, LeavesNoTraceOfARunThatWroteNothing) {
  { const RunFolder run(output(), Resume::kAuto); }
  EXPECT_FALSE(fs::exists(output().parent_path()));
  fs::create_directories(output());
  { const RunFolder run(output(), Resume::kAuto); }
  EXPECT_TRUE(fs::is_empty(output())) << "it was there before";
}

TEST_F(RunFolderTest, BringsAnEarlierRunBackWhenTheNewOneWroteNothing) {
  start_run();
  make_checkpoint(RunFolder(output(), Resume::kAuto), 7);
  const auto before = test::snapshot(folder_.path());
  { const RunFolder second(output(), Resume::kNever); }
  auto after = test::snapshot(folder_.path());
  after["runs/first/run.lock"];  // taken away with the earlier run
  EXPECT_EQ(after, before);
}

TEST_F(RunFolderTest, KeepsTwoRunsFromWritingAtOnce) {
  const RunFolder run(output(), Resume::kAuto);
  try {
    const RunFolder second(output(), Resume::kAuto);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another run is writing to this folder"));
  }
}

TEST_F(RunFolderTest, IsFreeAgainAfterARun) {
  start_run();
  EXPECT_NO_THROW(RunFolder(output(), Resume::kAuto));
}

TEST_F(RunFolderTest, NeverTouchesAFolderOfSomethingElse) {
  fs::create_directories(output());
  std::ofstream(output() / "thesis.txt") << "years of work";
  for (const Resume resume : {Resume::kAuto, Resume::kNever}) {
    EXPECT_THROW(RunFolder(output(), resume), Error);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(output()), fs::directory_iterator()), 1);
}

TEST_F(RunFolderTest, RefusesAFileInItsPlace) {
  fs::create_directories(output().parent_path());
  std::ofstream file(output());
  EXPECT_THROW(RunFolder(output(), Resume::kAuto), IoError);
}

TEST_F(RunFolderTest, MovesAnEarlierRunAsideWhenItIsNotToBeResumed) {
  start_run();
  make_checkpoint(RunFolder(output(), Resume::kAuto), 7);

  const RunFolder second(output(), Resume::kNever);
  EXPECT_EQ(second.moved_aside(), output().string() + ".1");
  EXPECT_THAT(second.checkpoints(), testing::IsEmpty());
  EXPECT_TRUE(fs::exists(output().string() + ".1/checkpoints/step-7/weights"));
  EXPECT_THROW(RunFolder(output(), Resume::kAuto), Error) << "the new folder must be locked";
}

TEST_F(RunFolderTest, MovesToTheFirstFreeNumber) {
  start_run();
  fs::create_directories(output().string() + ".1");
  EXPECT_EQ(RunFolder(output().string() + "/", Resume::kNever).moved_aside(),
            output().string() + ".2");
}

TEST_F(RunFolderTest, ListsCompleteCheckpointsByStep) {
  const RunFolder run(output(), Resume::kAuto);
  for (const std::int64_t step : {100, 20, 3}) make_checkpoint(run, step);
  fs::create_directories(output() / "checkpoints" / "step-200.longhaul-tmp");
  fs::create_directories(output() / "checkpoints" / "step-x");
  EXPECT_THAT(steps_of(run), ElementsAre(3, 20, 100));
  EXPECT_EQ(run.newest_checkpoint()->step, 100);
}

TEST_F(RunFolderTest, RemovesWhatAKilledRunLeftHalfWritten) {
  start_run();
  const fs::path partial = output() / "checkpoints" / "step-200.longhaul-tmp";
  fs::create_directories(partial);
  std::ofstream(partial / "weights") << "half";
  const RunFolder run(output(), Resume::kAuto);
  EXPECT_FALSE(fs::exists(partial));
}

TEST_F(RunFolderTest, PrunesAllButTheNewest) {
  const RunFolder run(output(), Resume::kAuto);
  for (const std::int64_t step : {1, 2, 3, 4}) make_checkpoint(run, step);
  run.prune_checkpoints(2);
  EXPECT_THAT(steps_of(run), ElementsAre(3, 4));
  run.prune_checkpoints(5);
  EXPECT_THAT(steps_of(run), ElementsAre(3, 4));
  EXPECT_THROW(run.prune_checkpoints(0), InvalidArgument);
}

TEST_F(RunFolderTest, RefusesToResumeARunWithOtherSettings) {
  start_run();
  const RunFolder run(output(), Resume::kAuto);
  make_checkpoint(run, 10);
  RunConfig config = some_config();
  config.device.threads = 5;
  EXPECT_NO_THROW(run.check_same_run(config));
  config.optimizer.adamw.learning_rate = 1e-3;
  try {
    run.check_same_run(config);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("optimizer.learning_rate was 2e-5, is 0.001"));
    EXPECT_THAT(error.what(), HasSubstr("resume: never"));
  }
}

TEST_F(RunFolderTest, TakesAnySettingsWhileThereIsNothingToResume) {
  RunConfig config = some_config();
  EXPECT_NO_THROW(RunFolder(output(), Resume::kAuto).check_same_run(config));
  start_run();
  config.optimizer.adamw.learning_rate = 1e-3;
  EXPECT_NO_THROW(RunFolder(output(), Resume::kAuto).check_same_run(config));
}

TEST_F(RunFolderTest, KeepsTheManifestOfTheEarlierRun) {
  const RunFolder run(output(), Resume::kAuto);
  EXPECT_TRUE(run.earlier_manifest().is_null());
  const Json manifest = make_manifest({.version = "1", .cpu = "x"}, "host", {"LibTorch 2"});
  run.write_settings(some_config(), manifest);
  EXPECT_EQ(run.earlier_manifest(), manifest);
}

TEST_F(RunFolderTest, SaysWhatToDoWithAGgufFile) {
  const fs::path file = folder_.path() / "model.gguf";
  std::ofstream(file) << "GGUF";
  try {
    find_model_folder(file);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("`longhaul convert " + file.string() + " FOLDER`"));
  }
  EXPECT_THROW(find_model_folder(folder_.path() / "nothing"), Error);
}

TEST_F(RunFolderTest, FindsTheModelOfARun) {
  const fs::path model = output() / "model";
  fs::create_directories(model);
  EXPECT_EQ(find_model_folder(output()), output());
  std::ofstream(model / "config.json") << "{}";
  EXPECT_EQ(find_model_folder(output()), model);
  EXPECT_EQ(find_model_folder(model), model);
}

}  // namespace
}  // namespace longhaul
