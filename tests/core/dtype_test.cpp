#include "longhaul/core/dtype.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace longhaul {
namespace {

TEST(Bf16, RoundsTiesToEven) {
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80U);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82U);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3F808001U)), 0x3F81U);
}

TEST(Bf16, KeepsNaNAndInfinity) {
  EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::bit_cast<float>(0x7F800001U)))));
  EXPECT_EQ(from_bf16(to_bf16(std::numeric_limits<float>::infinity())),
            std::numeric_limits<float>::infinity());
}

TEST(F16, EveryPatternRoundTrips) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const float value = from_f16(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(to_f16(value), bits);
  }
}

TEST(F16, RoundsLikeTheHardwareConversion) {
  for (std::uint64_t bits = 0; bits <= 0xFFFFFFFFULL; bits += 65521) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (std::isnan(value)) continue;
    const auto expected = std::bit_cast<std::uint16_t>(static_cast<_Float16>(value));
    ASSERT_EQ(to_f16(value), expected) << value;
  }
}

}  // namespace
}  // namespace longhaul
