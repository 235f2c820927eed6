// The verb `profile` around a training half that measures nothing.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"
#include "support/temporary_folder.h"

namespace longhaul::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Outcome profile(std::vector<std::string> words, const std::function<void()>& prepare = {}) {
  words.insert(words.begin(), "profile");
  return Process(LONGHAUL_WITH_FAKE_HALF, std::move(words), prepare).wait();
}

TEST(ProfileVerb, WritesWhatWasMeasuredWhereItIsToldTo) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "new" / "here.yaml").string();
  const Outcome outcome = profile({"--output",
                                   file,
                                   "--disk",
                                   "/data",
                                   "--disk-size",
                                   "1GiB",
                                   "--seconds",
                                   "20",
                                   "--device",
                                   "cuda"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(read_bytes(file), HasSubstr("measured for 20 s on cuda with 1.00 GiB"));
  EXPECT_THAT(read_bytes(file), HasSubstr("/data"));
  EXPECT_THAT(read_bytes(file), HasSubstr("# Of the main memory"));
  EXPECT_THAT(outcome.out, HasSubstr("/data: reads 2.00 GB/s, writes 1.00 GB/s"));
  EXPECT_THAT(outcome.out, HasSubstr("The profile is in " + file));
  EXPECT_THAT(outcome.err, HasSubstr("measuring compute"));
}

TEST(ProfileVerb, WritesWherePlansLookWhenItIsNotTold) {
  const TemporaryFolder folder;
  const Outcome outcome =
      profile({}, [&] { ::setenv("XDG_CACHE_HOME", (folder.path() / "cache").c_str(), 1); });
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string text = read_bytes(folder.path() / "cache" / "longhaul" / "hardware.yaml");
  EXPECT_THAT(text, HasSubstr("measured for 90 s on host with 4.00 GiB"));
}

TEST(ProfileVerb, LeavesTheOldProfileWhenItFails) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "here.yaml").string();
  std::ofstream(file) << "old";
  const Outcome outcome = profile({"--output", file, "--disk", "missing"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("missing: is no folder"));
  EXPECT_EQ(read_bytes(file), "old");
}

TEST(ProfileVerb, SaysWhatIsWrongWithItsArguments) {
  EXPECT_THAT(profile({"--disk-size", "1KiB"}).err,
              HasSubstr("--disk-size: got 1KiB, expected 64 MiB or more"));
  EXPECT_THAT(profile({"--disk-size", "much"}).err, HasSubstr("much"));
  EXPECT_EQ(profile({"--seconds", "0"}).exit_code, 2);
  EXPECT_EQ(profile({"--device", "tpu"}).exit_code, 2);
  EXPECT_THAT(profile({},
                      [] {
                        ::unsetenv("XDG_CACHE_HOME");
                        ::unsetenv("HOME");
                      })
                  .err,
              HasSubstr("name --output FILE"));
  const Outcome outcome = profile({"--output", "/proc/nowhere/here.yaml"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("/proc/nowhere"));
}

TEST(ProfileVerb, MeasuresAModelWhereItIsTold) {
  const TemporaryFolder folder;
  const auto here = [&] { ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1); };
  const Outcome outcome =
      profile({"some/model", "--set", "batch.tokens_per_micro_batch=1024"}, here);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("a device without data, 2 threads, bf16, 1024 tokens"));
  EXPECT_THAT(outcome.out, HasSubstr("linear 64 -> 32  forward 1.00 ms   backward 2.00 ms"));
  EXPECT_THAT(outcome.out,
              HasSubstr("The profile is in " +
                        (folder.path() / "longhaul/models/bf16-1024-tokens-").string()));
  EXPECT_FALSE(fs::exists(folder.path() / "longhaul/hardware.yaml"));
  EXPECT_EQ(profile({"some/model", "--seconds", "3"}, here).exit_code, 2);
  EXPECT_THAT(profile({"--set", "model=x"}, here).err,
              HasSubstr("--set: expected a run or a model"));
}

TEST(ProfileVerb, StopsWithoutAFile) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "here.yaml").string();
  Process process(LONGHAUL_WITH_FAKE_HALF, {"profile", "--output", file, "--disk", "slow"});
  ::usleep(700000);
  process.signal(SIGINT);
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("no profile was written"));
  EXPECT_FALSE(fs::exists(file));
}

}  // namespace
}  // namespace longhaul::test
