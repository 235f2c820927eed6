#include "longhaul/run/model_times.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/alike.h"
#include "longhaul/io/input_file.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/planner/judge.h"

#include "support/planner_problems.h"
#include "support/small_graph.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

class Warnings final : public LogSink {
 public:
  void write(LogLevel level, std::string_view message) override {
    if (level == LogLevel::kWarning) text += message;
  }
  std::string text;
};

class ModelTimesTest : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
    problem_ = test::lohan_problem(test::small_decoder(DType::kBF16, true, 3), 4, 1, 64, 1);
    problem_.machine.device.kind = DeviceKind::kHost;
    problem_.rules.compute_threads = 2;
    environment_.version = "1.2.3";
    environment_.cpu = "a processor";
  }

  ModelTimesKey key() const { return *model_times_key(problem_, environment_); }
  // A second forward, two backward, for every node.
  ModelTimes times() const {
    const ModelTimesKey wanted = key();
    ModelTimes times{.version = wanted.version,
                     .device = wanted.device,
                     .threads = wanted.threads,
                     .precision = wanted.precision,
                     .tokens = wanted.tokens,
                     .sequence = problem_.rules.sequence,
                     .nodes = {}};
    for (const std::string& work : wanted.works) times.nodes[work] = {{1.0}, {2.0}, 0.25};
    return times;
  }
  std::optional<ModelTimes> find(const ModelTimesKey& wanted) {
    return find_model_times(wanted, log_);
  }

  test::TemporaryFolder folder_;
  Problem problem_;
  Environment environment_;
  Warnings log_;
};

TEST_F(ModelTimesTest, AreKeptUntilTheyAreWanted) {
  EXPECT_EQ(find(key()), std::nullopt);
  const std::string file = keep_model_times(times());
  EXPECT_EQ(file, model_times_file(key()));
  EXPECT_THAT(file,
              testing::StartsWith(folder_.path().string() + "/longhaul/models/bf16-4096-tokens-"));
  EXPECT_EQ(find(key()), times());
  EXPECT_EQ(log_.text, "");
}

// Whatever the seconds depend on makes another measurement of it.
TEST_F(ModelTimesTest, OfAnotherShapeOrDeviceAreNotConfused) {
  const std::string file = keep_model_times(times());
  const std::vector<std::function<void()>> changes{
      [this] { problem_.shape.tokens /= 2; },
      [this] { problem_.format = adamw_format(Precision::kF32); },
      [this] { problem_.rules.compute_threads = 1; },
      [this] { environment_.cpu = "another processor"; },
      [this] { environment_.version = "1.2.4"; },
      [this] { tile_head(problem_.graph, 32); },
      [this] { problem_.graph = test::small_decoder(DType::kBF16, true, 3, /*mlp=*/64); }};
  const Problem problem = problem_;
  const Environment environment = environment_;
  for (std::size_t c = 0; c < changes.size(); ++c) {
    changes[c]();
    EXPECT_EQ(find(key()), std::nullopt) << "change " << c;
    EXPECT_NE(model_times_file(key()), file) << "change " << c;
    problem_ = problem;
    environment_ = environment;
  }
  EXPECT_EQ(log_.text, "");
  problem_.graph = test::small_decoder(DType::kBF16, true, 7);
  EXPECT_NE(find(key()), std::nullopt) << "more of the same layers take the same seconds each";
}

TEST_F(ModelTimesTest, OfADeviceWithoutANameAreNotKept) {
  environment_.cpu.clear();
  EXPECT_EQ(model_times_key(problem_, environment_), std::nullopt);
}

TEST_F(ModelTimesTest, ThatAreDamagedAreNamedAndNotUsed) {
  const std::string file = keep_model_times(times());
  const std::string good = read_text_file(file);
  const auto complaint = [&](const std::string& part, const std::string& instead) {
    std::string text = good;
    const std::size_t at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    std::ofstream(file) << text.replace(at, part.size(), instead);
    log_.text.clear();
    EXPECT_EQ(find(key()), std::nullopt) << instead;
    EXPECT_THAT(log_.text, HasSubstr("what was measured of this model is not used: " + file));
    return log_.text;
  };
  EXPECT_THAT(complaint(good, "{"), HasSubstr(file));
  EXPECT_THAT(complaint("\"format\": 1", "\"format\": 2"), HasSubstr("format: got 2, expected 1"));
  EXPECT_THAT(complaint("\"tokens\": 4096", "\"tokens\": 0"), HasSubstr("tokens: got 0"));
  EXPECT_THAT(complaint("\"tokens\": 4096", "\"tokens\": 2048"), HasSubstr("is of another"));
  EXPECT_THAT(complaint("\"spread\": 0.25", "\"spread\": 7.0"), HasSubstr("spread: got 7"));
  EXPECT_THAT(complaint("\"forward_seconds\": 1.0", "\"forward_seconds\": -1.0"),
              HasSubstr("nodes[0].forward_seconds: got -1"));
  EXPECT_THAT(complaint("\"forward_seconds\": 1.0", "\"forward_seconds\": \"1 s\""),
              HasSubstr("forward_seconds"));
  EXPECT_THAT(complaint("\"forward_seconds\": 1.0,", ""), HasSubstr("forward_seconds"));
  EXPECT_THAT(complaint("\"sequence\"", "\"extra\": 1, \"sequence\""),
              HasSubstr("extra: unknown member"));
  keep_model_times(times());
  EXPECT_EQ(find(key()), times());
}

TEST_F(ModelTimesTest, ThatCannotBeKeptSayWhere) {
  ::setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
  EXPECT_THROW(keep_model_times(times()), IoError);
  ::unsetenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  ::unsetenv("HOME");
  EXPECT_EQ(model_times_file(key()), "");
  EXPECT_THROW(keep_model_times(times()), Error);
  if (home != nullptr) ::setenv("HOME", before.c_str(), 1);
}

TEST_F(ModelTimesTest, DecideThePrediction) {
  const double before = judge(problem_, resident_plan()).step.value;
  keep_model_times(times());
  add_kept_times(problem_, environment_, log_);
  // Every op of a node: a second, its backward two; the gradient of a sum passes through.
  double seconds = 0.0;
  for (const Node& node : problem_.graph.nodes) seconds += is<Add>(node) ? 1.0 : 3.0;
  const double after = judge(problem_, resident_plan()).step.value;
  EXPECT_LT(before, 1.0);
  EXPECT_NEAR(after, seconds, 1.0);
}

TEST_F(ModelTimesTest, AreMeasuredAgainForMuchLongerSequences) {
  ModelTimes some = times();
  some.sequence = 100;
  EXPECT_TRUE(is_of_sequence(some, 100));
  EXPECT_TRUE(is_of_sequence(some, 120));
  EXPECT_FALSE(is_of_sequence(some, 130));
  EXPECT_FALSE(is_of_sequence(some, 70));
}

}  // namespace
}  // namespace longhaul
