#include "kernels/optim/master.h"

#include <bit>
#include <cstring>

#include <gmock/gmock.h>

#include "longhaul/core/dtype.h"

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::join_master;
using kernels::KernelTable;
using kernels::Launch;
using kernels::master_remainder;
using kernels::master_weight;

TEST(Master, IsJoinedExactlyFromAnyPattern) {
  // All 2^16 low halves under upper halves at both ends of the carry, of the sign and of infinity.
  for (const std::uint32_t high :
       {0x0000U, 0x0001U, 0x3F80U, 0x7F7FU, 0x7F80U, 0x7FFFU, 0x8000U, 0xBF80U, 0xFF80U, 0xFFFFU}) {
    for (std::uint32_t low = 0; low < 0x10000U; ++low) {
      const std::uint32_t bits = high << 16 | low;
      ASSERT_EQ(join_master(master_weight(bits), master_remainder(bits)), bits);
    }
  }
}

TEST(Master, HasTheNearestBf16WeightWithTiesAwayFromZero) {
  EXPECT_EQ(master_weight(0x3F800000U), 0x3F80U);
  EXPECT_EQ(master_weight(0x3F807FFFU), 0x3F80U);
  EXPECT_EQ(master_weight(0x3F808000U), 0x3F81U);  // a tie; nearest even would stay
  EXPECT_EQ(master_weight(0xBF808000U), 0xBF81U);
  EXPECT_EQ(master_remainder(0x3F808000U), -0x8000);
}

// 2^16 masters spread over all patterns, and every pattern around a carry.
Shared<float> many_masters() {
  Shared<float> masters;
  for (std::uint32_t i = 0; i < 0x10000U; ++i) {
    masters.push_back(std::bit_cast<float>(i * 0x10001U + (i >> 3)));
    masters.push_back(std::bit_cast<float>(i << 16 | 0x8000U));
    masters.push_back(std::bit_cast<float>(i << 16 | 0x7FFFU));
  }
  masters.push_back(1.0F);  // an odd length
  return masters;
}

TEST(Master, IsSplitAndJoinedAlikeByEveryBody) {
  const Shared<float> masters = many_masters();
  const auto count = static_cast<std::int64_t>(masters.size());
  for (const Body& body : available_bodies()) {
    Shared<std::uint16_t> weight(masters.size());
    Shared<std::int16_t> remainder(masters.size());
    Shared<float> joined(masters.size());
    run_with(body, 2, [&](const KernelTable& table, const Launch& launch) {
      call(table.master_split, {masters.data(), weight.data(), remainder.data(), count}, launch);
      call(table.master_join, {weight.data(), remainder.data(), joined.data(), count}, launch);
      return std::vector<Array>{};
    });
    for (std::size_t i = 0; i < masters.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(masters[i]);
      ASSERT_EQ(weight[i], master_weight(bits)) << body.name << " of " << bits;
      ASSERT_EQ(remainder[i], master_remainder(bits)) << body.name << " of " << bits;
    }
    EXPECT_EQ(std::memcmp(joined.data(), masters.data(), masters.size() * sizeof(float)), 0)
        << body.name;
  }
}

}  // namespace
}  // namespace longhaul::test
