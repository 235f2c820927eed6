#include "train_console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace longhaul {
namespace {

StepMetrics step_of(std::int64_t step, double seconds) {
  return {.step = step, .loss = 1.0, .tokens = 100, .time = {seconds}};
}

TEST(StepClock, KnowsNothingBeforeTheFirstStep) {
  EXPECT_EQ(StepClock(10).remaining(), Seconds{0.0});
}

TEST(StepClock, TakesTheFirstStepWhileThereIsNoOther) {
  StepClock clock(10);
  clock.add(step_of(1, 3.0));
  EXPECT_EQ(clock.remaining(), Seconds{27.0});
}

TEST(StepClock, ForgetsTheFirstStepWhenThereAreOthers) {
  StepClock clock(10);
  clock.add(step_of(1, 100.0));
  clock.add(step_of(2, 2.0));
  clock.add(step_of(3, 4.0));
  EXPECT_EQ(clock.remaining(), Seconds{7 * 3.0});
}

TEST(StepClock, FollowsAChangeOfSpeed) {
  StepClock clock(1000);
  for (std::int64_t step = 1; step <= 200; ++step) clock.add(step_of(step, 1.0));
  for (std::int64_t step = 201; step <= 300; ++step) clock.add(step_of(step, 2.0));
  EXPECT_NEAR(clock.remaining().value, 700 * 2.0, 700 * 0.02);
}

TEST(StepClock, CountsFromWhereARunIsResumed) {
  StepClock clock(10);
  clock.add(step_of(8, 5.0));
  EXPECT_EQ(clock.remaining(), Seconds{10.0});
}

TEST(ToLine, HoldsWhatAPersonWatches) {
  const StepMetrics metrics{.step = 12,
                            .loss = 2.34125,
                            .grad_norm = 1.3141,
                            .learning_rate = 1.9e-5,
                            .tokens = 620,
                            .target_tokens = 300,
                            .time = {2.0}};
  EXPECT_EQ(to_line(metrics, 300, Seconds{250}),
            "step 12/300  loss 2.3413  grad norm 1.31  learning rate 1.9e-05  310 tokens/s  ETA 4 "
            "min 10 s");
}

TEST(ToText, SaysWhereARunGoesOn) {
  EXPECT_THAT(to_text(RunSummary{.total_steps = 9, .resumed_from = 4}),
              testing::HasSubstr("steps       9, resumed after step 4\n"));
}

TEST(ToText, SaysHowMuchOfAModelIsTrained) {
  EXPECT_THAT(to_text(RunSummary{.parameters = 2000, .trainable_parameters = 500}),
              testing::HasSubstr("2,000 parameters, 500 of them trained\n"));
}

}  // namespace
}  // namespace longhaul
