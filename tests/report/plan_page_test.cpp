#include "longhaul/report/plan_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/planner_problems.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

TEST(PlanPage, SaysWhatWillHappen) {
  Problem problem = test::lohan_problem(test::gpt2_like(8, 4096, 32), 8, 1, 24, 1);
  problem.caps.bytes[0] = {6'000'000'000};
  problem.clips = true;
  PlanStory story = tell_plan("gpt2", problem);
  story.steps = 1000;
  const std::string page = plan_page(story);
  for (const char* part : {"fits        yes",
                           "tokens/s",
                           "1000 steps: ",
                           "binds",
                           "device",
                           "host, pinned",
                           "written in the run",
                           "of the rated",
                           "clipping    costs",
                           "weights: ",
                           "would help"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  const Json json = plan_json(story);
  EXPECT_TRUE(json.as_bool("fits"));
  EXPECT_NEAR(json.at("prediction").as_double("step_seconds"), story.plan.best->step.value, 1e-9);
}

TEST(PlanPage, SaysWhatWouldFit) {
  Problem problem = test::lohan_problem(test::gpt2_like(8, 4096, 32), 8, 1, 24, 1);
  problem.caps.bytes[0] = {1'500'000'000};
  const std::string page = plan_page(tell_plan("gpt2", problem));
  EXPECT_THAT(page, HasSubstr("fits        no: "));
  EXPECT_THAT(page, HasSubstr("would fit"));
}

// Nothing is planned beside it.
TEST(PlanPage, JudgesAGivenPlan) {
  Problem problem = test::lohan_problem(test::gpt2_like(8, 4096, 32), 8, 1, 24, 1);
  problem.caps.bytes[0] = {100'000'000'000};
  const PlanStory story = tell_plan("gpt2", problem, Plan{});
  ASSERT_TRUE(story.plan.best.has_value());
  EXPECT_EQ(story.plan.best->plan, Plan{});
  EXPECT_EQ(story.plan.best->step, judge(problem, Plan{}).step);
  EXPECT_TRUE(story.changes.empty());
  const std::string page = plan_page(story);
  EXPECT_THAT(page, HasSubstr("fits        yes"));
  EXPECT_THAT(page, testing::Not(HasSubstr("bounds")));
  EXPECT_FALSE(plan_json(story).contains("bound_seconds"));
}

TEST(PlanPage, RefusesAGivenPlanByItsTier) {
  Problem problem = test::lohan_problem(test::gpt2_like(8, 4096, 32), 8, 1, 24, 1);
  problem.caps.bytes[0] = {6'000'000'000};
  const std::string page = plan_page(tell_plan("gpt2", problem, Plan{}));
  EXPECT_THAT(page, HasSubstr("fits        no: device memory: this plan takes"));
}

}  // namespace
}  // namespace longhaul
