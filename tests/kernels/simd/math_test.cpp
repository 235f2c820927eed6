// The test compiles the lanes of the portable instruction set; the others have the same bits
// (every kernel's test says so).
#include "kernels/simd/math.h"

#include <bit>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace longhaul::kernels {
namespace {

// The spacing of fp32 numbers at `exact`.
long double ulp(long double exact) {
  const long double size = std::max(std::abs(exact), 0x1p-126L);
  return std::ldexp(1.0L, std::ilogb(size) - 23);
}

// The largest error of `lanes` against `exact`, in ulp, over fp32 numbers in [low, high] spread by
// their bit patterns.
template <class OnLanes, class Exact>
long double largest_error(float low, float high, OnLanes on_lanes, Exact exact) {
  long double largest = 0.0L;
  constexpr std::uint32_t kStride = 99991;  // prime: 43,000 patterns
  for (std::uint64_t bits = 0; bits < 0x100000000ULL; bits += kStride) {
    const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (!(x >= low && x <= high)) continue;
    const long double expected = exact(static_cast<long double>(x));
    const long double error = std::abs(first_lane(on_lanes(splat(x))) - expected) / ulp(expected);
    largest = std::max(largest, error);
  }
  return largest;
}

TEST(SimdMath, ExpHasAtMostOnePointOneUlp) {
  const long double error = largest_error(
      -103.9F, 88.7F, [](Lanes x) { return exp(x); }, [](long double x) { return std::exp(x); });
  EXPECT_LT(error, 1.1L);
  EXPECT_GT(error, 0.4L) << "nothing was compared";
}

TEST(SimdMath, ExpEndsAtZeroAndInfinityAndKeepsNan) {
  EXPECT_EQ(first_lane(exp(splat(0.0F))), 1.0F);
  EXPECT_EQ(first_lane(exp(splat(-104.0F))), 0.0F);
  EXPECT_EQ(first_lane(exp(splat(-INFINITY))), 0.0F);
  EXPECT_EQ(first_lane(exp(splat(88.73F))), INFINITY);
  EXPECT_EQ(first_lane(exp(splat(INFINITY))), INFINITY);
  EXPECT_TRUE(std::isnan(first_lane(exp(splat(NAN)))));
}

TEST(SimdMath, LogisticAndItsComplementHaveAtMostThreeUlp) {
  const auto exact = [](long double x) { return 1.0L / (1.0L + std::exp(-x)); };
  EXPECT_LT(largest_error(
                -103.0F, 1e30F, [](Lanes x) { return logistic(x).value; }, exact),
            3.0L);
  EXPECT_LT(largest_error(
                -1e30F,
                103.0F,
                [](Lanes x) { return logistic(x).rest; },
                [&](long double x) { return exact(-x); }),
            3.0L);
}

TEST(SimdMath, NormalDistributionHasAtMostEightUlpInItsTailToo) {
  EXPECT_LT(
      largest_error(
          -14.0F,
          1e30F,
          [](Lanes x) { return normal(x).distribution; },
          [](long double x) { return 0.5L * std::erfc(-x / std::numbers::sqrt2_v<long double>); }),
      8.0L);
}

TEST(SimdMath, NormalDensityHasAtMostThreeUlp) {
  const long double scale = 1.0L / std::sqrt(2.0L * std::numbers::pi_v<long double>);
  EXPECT_LT(largest_error(
                -12.9F,
                12.9F,
                [](Lanes x) { return normal(x).density; },
                [=](long double x) { return scale * std::exp(-x * x / 2.0L); }),
            3.0L);
}

}  // namespace
}  // namespace longhaul::kernels
