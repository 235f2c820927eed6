#include "longhaul/report/run_page.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/report/step_lanes.h"

#include "html_check.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::Not;

Json lanes() {
  StepLanes lanes{.step = 4, .length = {2.0}};
  lanes.lanes[0] = {{1.5}, {{{{0.0}, {0.5}}, Work::kForward}, {{{0.5}, {1.5}}, Work::kBackward}}};
  lanes.lanes[1] = {{0.25}, {{{{0.0}, {0.25}}, Work::kCopy}}};
  lanes.tiers[0] = {128_MiB, {{{0.0}, 64_MiB}, {{1.0}, 128_MiB}}};
  lanes.tiers[1] = {1_GiB, {{{0.0}, 1_GiB}}};
  return to_json(lanes);
}

RunRecord record(const std::string& name, std::int64_t steps) {
  RunRecord run{.path = name, .plan = make_plan("zero_infinity"), .lanes = lanes()};
  run.config.model = "models/<small>";
  run.config.output = name;
  run.config.device.memory = 256_MiB;
  for (std::int64_t step = 1; step <= steps; ++step) {
    run.metrics.push_back({.step = step,
                           .loss = 3.0 / static_cast<double>(step),
                           .grad_norm = 1.0,
                           .learning_rate = 1e-4,
                           .tokens = 1000,
                           .target_tokens = 500,
                           .time = {step == 1 ? 10.0 : 2.0}});
  }
  run.evaluations = {{steps, {.loss = 2.75, .samples = 4, .target_tokens = 40, .time = {1.0}}}};
  run.manifest = Json::make_object({{"cpu", Json("A<B")}, {"cores", Json(2)}});
  return run;
}

std::string page_of(const std::vector<RunRecord>& runs) {
  const std::string page = run_page(runs);
  EXPECT_EQ(test::what_is_wrong(page), "");
  return page;
}

TEST(RunPage, ShowsEverythingOfARun) {
  const std::string page = page_of({record("runs/first", 5)});
  for (const char* part : {"<h1>runs/first</h1>",
                           "models/&lt;small&gt;",
                           ">Loss ",
                           "data-name=\"held out\"",
                           "Gradient norm",
                           "Learning rate",
                           "Step 4, 2.00 s",
                           "busy 75 %",
                           "<title>compute: backward</title>",
                           "alive in the tier host",
                           "128 MiB",
                           "allowed",
                           "weights: disk; optimizer states: disk",
                           "learning_rate: ",
                           "A&lt;B"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

// The first step paid for pages and caches: 10 s, all others 2.
TEST(RunPage, LeavesTheFirstStepOutOfTheMedian) {
  EXPECT_THAT(page_of({record("a", 2)}), HasSubstr("<b>500</b><span>tokens/s, median"));
  EXPECT_THAT(page_of({record("a", 1)}), HasSubstr("<b>100</b><span>tokens/s, median"));
}

TEST(RunPage, ComparesRuns) {
  RunRecord second = record("runs/second", 80);
  second.config.optimizer.adamw.learning_rate = 0.125;
  second.lanes = {};
  const std::string page = page_of({record("runs/first", 5), second});
  EXPECT_THAT(page, HasSubstr("<h1>2 runs</h1>"));
  EXPECT_THAT(page, HasSubstr("<tr><th>runs/second</th><td>80</td><td>0.0375</td>"));
  EXPECT_THAT(page, HasSubstr("<th>optimizer.learning_rate</th>"));
  EXPECT_THAT(page, Not(HasSubstr("<th>optimizer.betas</th>")));
  EXPECT_THAT(page, HasSubstr("class=\"faded\""));  // 80 steps, and their mean in front
  EXPECT_THAT(page, HasSubstr("has not written lanes.json"));
}

TEST(RunPage, ShowsPredictionAgainstMeasurement) {
  RunRecord run = record("a", 5);
  EXPECT_THAT(page_of({run}), HasSubstr("No prediction"));
  run.prediction = Json::parse(
      R"({"seconds": 1.5, "lanes": {"compute": 1.0, "disk_read": 0.5},
          "measured": {"seconds": 2.0, "lanes": {"compute": 1.6, "disk_read": 0.25}}})",
      "prediction.json");
  const std::string page = page_of({run});
  EXPECT_THAT(page, Not(HasSubstr("No prediction")));
  EXPECT_THAT(page, HasSubstr("<th>step</th><td>1.50 s</td><td>2.00 s</td><td>0.750</td>"));
  EXPECT_THAT(page, HasSubstr("<th>disk_read busy</th>"));
  EXPECT_THAT(page, Not(HasSubstr("<th>h2d busy</th>")));
  run.prediction = Json::parse(R"({"lanes": {}})", "prediction.json");
  EXPECT_THROW(run_page(std::vector{run}), FormatError);
}

TEST(RunPage, StandsALossThatIsNoNumber) {
  RunRecord run = record("a", 3);
  run.metrics.back().loss = NAN;
  EXPECT_THAT(page_of({run}), HasSubstr("not a number"));
}

TEST(HtmlCheck, SeesWhatIsWrong) {
  EXPECT_EQ(test::what_is_wrong("<p><b>x</b></p>"), "");
  EXPECT_EQ(test::what_is_wrong("<p><b>x</p></b>"), "closes out of order: /p");
  EXPECT_EQ(test::what_is_wrong("<p>"), "is not closed: p");
  EXPECT_NE(test::what_is_wrong("<p src=\"x\"></p>"), "");
}

}  // namespace
}  // namespace longhaul
