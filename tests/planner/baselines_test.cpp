#include "longhaul/planner/baselines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/plan/lower.h"
#include "longhaul/schedule/order.h"
#include "longhaul/schedule/placement.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

class Policies : public testing::TestWithParam<std::string> {};

TEST_P(Policies, MakePlansThatAreLoweredAndPlaced) {
  const Plan plan = make_plan(GetParam());
  EXPECT_EQ(plan.policy, GetParam());
  const BatchShape shape{.tokens = 64, .max_segments = 4, .positions = 64, .micro_batches = 3};
  LoweredPass pass = lower(test::small_decoder(DType::kBF16, true),
                           adamw_format(Precision::kBF16),
                           plan,
                           shape,
                           Pass::kTrain,
                           2);
  EXPECT_NO_THROW(check(pass.schedule));
  EXPECT_NO_THROW(check(place(std::move(pass.schedule))));
}

INSTANTIATE_TEST_SUITE_P(All, Policies, testing::ValuesIn(policy_names()), [](const auto& policy) {
  return policy.param;
});

TEST(MakePlan, RefusesAnUnknownPolicyByName) {
  EXPECT_THAT([] { make_plan("lohen"); },
              testing::ThrowsMessage<ConfigError>(testing::AllOf(
                  testing::HasSubstr("lohen"), testing::HasSubstr("lohan, lohan_naive"))));
}

}  // namespace
}  // namespace longhaul
