#include "longhaul/core/philox.h"

#include <cmath>

#include <gtest/gtest.h>

namespace longhaul {
namespace {

// Known answers of the Random123 distribution, philox4x32-10.
TEST(Philox4x32, GivesThePublishedAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
  EXPECT_EQ(
      philox4x32({0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU}, {0xffffffffU, 0xffffffffU}),
      (std::array<std::uint32_t, 4>{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
}

TEST(Philox, NormalHasUnitVariance) {
  const Philox random(7, 1);
  double sum = 0.0;
  double squares = 0.0;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.normal(static_cast<std::uint64_t>(i));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 5.0 / std::sqrt(kCount));
  EXPECT_NEAR(squares / kCount, 1.0, 5.0 * std::sqrt(2.0 / kCount));
}

TEST(Philox, BelowStaysBelowItsBoundAndReachesEveryValue) {
  const Philox random(3, 2);
  std::array<int, 7> hits{};
  for (std::uint64_t i = 0; i < 7000; ++i) ++hits.at(random.below(i, 7));
  for (const int hit : hits) EXPECT_NEAR(hit, 1000, 200);
}

}  // namespace
}  // namespace longhaul
