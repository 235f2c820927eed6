#include "longhaul/optim/learning_rate.h"

#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Rates of updates 0 to 11 of a run of 10 steps with 3 of warm-up and a peak of 2e-5, printed by
// transformers 5.2 (get_*_schedule_with_warmup on an optimizer of torch 2.11). 4 ulp are left for
// another libm's cosine.
void expect_rates(ScheduleShape shape, const std::vector<double>& expected) {
  const LearningRateSchedule schedule{shape, 2e-5, 3, 10};
  for (std::size_t step = 0; step < expected.size(); ++step) {
    EXPECT_DOUBLE_EQ(learning_rate_at(schedule, static_cast<std::int64_t>(step)), expected[step])
        << "step " << step;
  }
}

TEST(LearningRateAt, AgreesWithTransformersForAConstantRate) {
  expect_rates(ScheduleShape::kConstant,
               {0.0,
                6.666666666666667e-06,
                1.3333333333333333e-05,
                2e-05,
                2e-05,
                2e-05,
                2e-05,
                2e-05,
                2e-05,
                2e-05,
                2e-05,
                2e-05});
}

TEST(LearningRateAt, AgreesWithTransformersForALinearDecay) {
  expect_rates(ScheduleShape::kLinear,
               {0.0,
                6.666666666666667e-06,
                1.3333333333333333e-05,
                2e-05,
                1.7142857142857142e-05,
                1.4285714285714287e-05,
                1.1428571428571429e-05,
                8.571428571428571e-06,
                5.7142857142857145e-06,
                2.8571428571428573e-06,
                0.0,
                0.0});
}

TEST(LearningRateAt, AgreesWithTransformersForACosineDecay) {
  expect_rates(ScheduleShape::kCosine,
               {0.0,
                6.666666666666667e-06,
                1.3333333333333333e-05,
                2e-05,
                1.900968867902419e-05,
                1.6234898018587336e-05,
                1.2225209339563144e-05,
                7.774790660436857e-06,
                3.7651019814126656e-06,
                9.903113209758098e-07,
                0.0});
}

TEST(LearningRateAt, StartsAtThePeakWithoutWarmUp) {
  EXPECT_EQ(learning_rate_at({ScheduleShape::kCosine, 1e-3, 0, 5}, 0), 1e-3);
}

TEST(LearningRateAt, TakesARunThatIsAllWarmUp) {
  const LearningRateSchedule schedule{ScheduleShape::kLinear, 1.0, 4, 4};
  EXPECT_EQ(learning_rate_at(schedule, 3), 0.75);
  EXPECT_EQ(learning_rate_at(schedule, 4), 0.0);
}

TEST(LearningRateAt, RefusesNegativeCounts) {
  EXPECT_THROW(learning_rate_at({ScheduleShape::kConstant, 1.0, 0, 5}, -1), InvalidArgument);
}

TEST(WarmupStepsOf, RoundsUp) {
  EXPECT_EQ(warmup_steps_of(0.03, 100), 3);
  EXPECT_EQ(warmup_steps_of(0.03, 101), 4);
  EXPECT_EQ(warmup_steps_of(0.0, 100), 0);
}

}  // namespace
}  // namespace longhaul
