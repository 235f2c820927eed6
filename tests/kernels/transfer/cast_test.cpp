#include "kernels/transfer/cast.h"

#include <bit>
#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

// Every bf16 pattern, the ties and their neighbours between them, and an odd one at the end.
std::vector<float> many_floats() {
  std::vector<float> values;
  for (std::uint32_t high = 0; high < 0x10000U; ++high) {
    for (const std::uint32_t low : {0x0000U, 0x7FFFU, 0x8000U, 0x8001U}) {
      values.push_back(std::bit_cast<float>(high << 16 | low));
    }
  }
  values.push_back(1.0F);
  return values;
}

// The half-precision grid has ties at bit 12: all floats with these low bits in the half range.
std::vector<float> floats_around_halves() {
  std::vector<float> values;
  for (std::uint32_t step = 0; step < 0x8000U; ++step) {
    for (const std::uint32_t low : {0x0000U, 0x0FFFU, 0x1000U, 0x1001U}) {
      values.push_back(std::bit_cast<float>(0x32000000U + (step << 13) + low));
      values.push_back(-values.back());
    }
  }
  return values;
}

std::string name_of_pair(const testing::TestParamInfo<std::pair<DType, DType>>& info) {
  return concat(name_of(info.param.first), "_to_", name_of(info.param.second));
}

class CastPair : public testing::TestWithParam<std::pair<DType, DType>> {};

TEST_P(CastPair, GivesTheBitsOfTheReference) {
  const auto [from, to] = GetParam();
  for (const std::vector<float>& values : {many_floats(), floats_around_halves()}) {
    expect_reference_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
      const Array x(from, values);
      Array y = Array::filled(to, x.size(), 7.0F);
      call(table.cast, {x.data(), y.data(), x.size(), from, to}, launch);
      return std::vector<Array>{y};
    });
  }
}

TEST_P(CastPair, KeepsNan) {
  const auto [from, to] = GetParam();
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      const Array x(from, {NAN, std::bit_cast<float>(0x7F800001U), 1.0F});
      Array y = Array::filled(to, 3, 7.0F);
      call(t.cast, {x.data(), y.data(), 3, from, to}, l);
      return std::vector<Array>{y};
    });
    EXPECT_TRUE(std::isnan(out[0][0])) << body.name;
    EXPECT_TRUE(std::isnan(out[0][1])) << body.name;
    EXPECT_EQ(out[0][2], 1.0F) << body.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Pairs,
                         CastPair,
                         testing::Values(std::pair{DType::kF32, DType::kBF16},
                                         std::pair{DType::kF32, DType::kF16},
                                         std::pair{DType::kBF16, DType::kF32},
                                         std::pair{DType::kBF16, DType::kF16},
                                         std::pair{DType::kF16, DType::kF32},
                                         std::pair{DType::kF16, DType::kBF16},
                                         std::pair{DType::kF32, DType::kF32}),
                         name_of_pair);

TEST(CastKernel, RefusesIntegers) {
  kernels::Cast args{};
  args.from = DType::kF32;
  args.to = DType::kI32;
  try {
    kernels::host_kernels().cast(args, {nullptr, nullptr});
    FAIL() << "expected InvalidArgument";
  } catch (const InvalidArgument& error) {
    EXPECT_STREQ(error.what(), "cast: to is int32, expected fp32, bf16 or fp16");
  }
}

}  // namespace
}  // namespace longhaul::test
