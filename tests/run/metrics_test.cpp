#include "longhaul/run/metrics.h"

#include <cmath>
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "longhaul/core/error.h"
#include "longhaul/io/input_file.h"

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

StepMetrics metrics_of(std::int64_t step) {
  return {.step = step,
          .loss = 2.5 / static_cast<double>(step),
          .grad_norm = 1.0 / 3.0,
          .learning_rate = 2e-5,
          .tokens = 8000 + step,
          .target_tokens = 4000 + step,
          .time = {0.25}};
}

class MetricsFile : public testing::Test {
 protected:
  std::string file() const { return (folder_.path() / "metrics.jsonl").string(); }

  void write_steps(std::int64_t last_kept, std::int64_t first, std::int64_t last) const {
    MetricsWriter writer(file(), last_kept);
    for (std::int64_t step = first; step <= last; ++step) writer.append(metrics_of(step));
  }

  void append_text(const std::string& text) const { std::ofstream(file(), std::ios::app) << text; }

  test::TemporaryFolder folder_;
};

TEST_F(MetricsFile, HoldsOneObjectPerStep) {
  write_steps(0, 1, 1);
  EXPECT_EQ(read_text_file(file()),
            "{\"step\":1,\"loss\":2.5,\"grad_norm\":0.3333333333333333,\"learning_rate\":2e-05,"
            "\"tokens\":8001,\"target_tokens\":4001,\"seconds\":0.25}\n");
}

TEST_F(MetricsFile, ReadsBackTheSameNumbers) {
  write_steps(0, 1, 3);
  const std::vector<StepMetrics> metrics = read_metrics(file());
  ASSERT_THAT(metrics, SizeIs(3));
  EXPECT_EQ(metrics[2].step, 3);
  EXPECT_EQ(metrics[2].loss, 2.5 / 3.0);
  EXPECT_EQ(metrics[2].grad_norm, 1.0 / 3.0);
  EXPECT_EQ(metrics[2].target_tokens, 4003);
  EXPECT_EQ(metrics[2].time, Seconds{0.25});
}

TEST_F(MetricsFile, DropsStepsBeyondTheCheckpointWhenARunIsResumed) {
  write_steps(0, 1, 5);
  write_steps(3, 4, 6);
  const std::vector<StepMetrics> metrics = read_metrics(file());
  ASSERT_THAT(metrics, SizeIs(6));
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    EXPECT_EQ(metrics[i].step, static_cast<std::int64_t>(i) + 1);
  }
}

TEST_F(MetricsFile, HoldsEvaluationsInTheSameWay) {
  const Evaluation evaluation{2.0625, /*samples=*/64, /*target_tokens=*/936, {1.5}};
  for (const std::int64_t last_kept : {0, 20}) {
    MetricsWriter writer(file(), last_kept);
    writer.append(last_kept + 20, evaluation);
    EXPECT_THROW(writer.append(last_kept + 20, evaluation), InvalidArgument);
    writer.append(last_kept + 37, evaluation);
  }
  const std::string rest =
      ",\"loss\":2.0625,\"samples\":64,\"target_tokens\":936,\"seconds\":1.5}\n";
  EXPECT_EQ(read_text_file(file()),
            "{\"step\":20" + rest + "{\"step\":40" + rest + "{\"step\":57" + rest);
}

TEST_F(MetricsFile, DropsATornLastLine) {
  write_steps(0, 1, 2);
  append_text("{\"step\":3,\"lo");
  EXPECT_THAT(read_metrics(file()), SizeIs(2));
  write_steps(2, 3, 3);
  EXPECT_THAT(read_metrics(file()), SizeIs(3));
}

TEST_F(MetricsFile, WritesANumberThatIsNotFiniteAsNull) {
  StepMetrics metrics = metrics_of(1);
  metrics.loss = std::nan("");
  MetricsWriter(file(), 0).append(metrics);
  EXPECT_THAT(read_text_file(file()), HasSubstr("\"loss\":null"));
  EXPECT_TRUE(std::isnan(read_metrics(file()).front().loss));
}

TEST_F(MetricsFile, RefusesAStepThatIsNotLater) {
  write_steps(0, 1, 3);
  MetricsWriter writer(file(), 3);
  EXPECT_THROW(writer.append(metrics_of(3)), InvalidArgument);
}

TEST_F(MetricsFile, NamesTheLineOfDamage) {
  write_steps(0, 1, 2);
  append_text("nonsense\n");
  try {
    read_metrics(file());
    FAIL() << "accepted";
  } catch (const FormatError& error) {
    EXPECT_THAT(error.what(), HasSubstr("metrics.jsonl:3"));
  }
}

TEST_F(MetricsFile, RefusesStepsOutOfOrder) {
  write_steps(0, 5, 5);
  const std::string line = read_text_file(file());
  append_text(line);
  EXPECT_THROW(read_metrics(file()), FormatError);
}

// RLIMIT_FSIZE stands for a full disk: the kernel takes a part of the line, then nothing.
TEST_F(MetricsFile, LeavesWholeLinesWhenTheDiskIsFull) {
  write_steps(0, 1, 2);
  const auto size = static_cast<rlim_t>(read_text_file(file()).size());
  MetricsWriter writer(file(), 2);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{size + 10, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);

  EXPECT_THROW(writer.append(metrics_of(3)), IoError);

  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(read_text_file(file()).size(), size);
  writer.append(metrics_of(3));
  EXPECT_THAT(read_metrics(file()), SizeIs(3));
}

}  // namespace
}  // namespace longhaul
