#include "kernels/attention/rotary.h"

#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

struct Case {
  std::int64_t tokens;
  std::int64_t heads;
  std::int64_t head_dim;
  std::int64_t rotary_dim;
  DType dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return case_name({c.tokens, c.heads, c.head_dim, c.rotary_dim}, c.dtype);
}

constexpr std::int64_t kPositions = 64;

std::vector<float> table_of(double (*function)(double), std::int64_t half) {
  std::vector<float> table;
  for (std::int64_t p = 0; p < kPositions; ++p) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double frequency =
          std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
      table.push_back(static_cast<float>(function(static_cast<double>(p) * frequency)));
    }
  }
  return table;
}

std::vector<Array> run_rotary(const Case& c,
                              bool is_inverse,
                              const KernelTable& table,
                              const Launch& launch) {
  const std::int64_t count = c.tokens * c.heads * c.head_dim;
  const Array x(c.dtype, normal_values(count, 1));
  Array y = Array::filled(c.dtype, count, 7.0F);
  Array cos(DType::kF32, table_of(std::cos, c.rotary_dim / 2));
  Array sin(DType::kF32, table_of(std::sin, c.rotary_dim / 2));
  Shared<std::int32_t> positions;
  for (std::int64_t t = 0; t < c.tokens; ++t) {
    positions.push_back(static_cast<std::int32_t>(t * 7 % kPositions));
  }
  call(table.rotary,
       {.x = x.data(),
        .y = y.data(),
        .cos = cos.floats(),
        .sin = sin.floats(),
        .positions = positions.data(),
        .tokens = c.tokens,
        .heads = c.heads,
        .head_dim = c.head_dim,
        .rotary_dim = c.rotary_dim,
        .is_inverse = is_inverse,
        .dtype = c.dtype},
       launch);
  return {y};
}

TEST(RotaryKernel, RotatesThePairsOfBothHalvesAndCopiesTheRest) {
  Array x(DType::kF32, {1.0F, 2.0F, 3.0F, 4.0F, 5.0F});
  Array cos(DType::kF32, {9.0F, 9.0F, 0.0F, 0.5F});
  Array sin(DType::kF32, {9.0F, 9.0F, 1.0F, 2.0F});
  Shared<std::int32_t> positions{1};
  const KernelRun run = [&](const KernelTable& table, const Launch& launch) {
    Array y = Array::filled(DType::kF32, 5, 0.0F);
    call(table.rotary,
         {x.data(),
          y.data(),
          cos.floats(),
          sin.floats(),
          positions.data(),
          1,
          1,
          5,
          4,
          false,
          DType::kF32},
         launch);
    return std::vector<Array>{y};
  };
  for (const Body& body : available_bodies()) {
    EXPECT_THAT(run_with(body, 1, run)[0].values(),
                testing::ElementsAre(-3.0F, 1.0F - 8.0F, 1.0F, 2.0F + 4.0F, 5.0F))
        << body.name;
  }
}

TEST(RotaryKernel, UndoesItselfWhenInverse) {
  constexpr std::int64_t kHeadDim = 64;
  const std::vector<float> values = normal_values(kHeadDim, 1);
  const Array cos(DType::kF32, table_of(std::cos, kHeadDim / 2));
  const Array sin(DType::kF32, table_of(std::sin, kHeadDim / 2));
  const std::int32_t position = 37;
  ThreadPool pool(1);
  for (const Body& body : available_host_bodies()) {
    Array x(DType::kF32, values);
    kernels::Rotary args{x.data(),
                         x.data(),
                         static_cast<const float*>(cos.data()),
                         static_cast<const float*>(sin.data()),
                         &position,
                         1,
                         1,
                         kHeadDim,
                         kHeadDim,
                         false,
                         DType::kF32};
    body.table->rotary(args, {&pool, nullptr});
    EXPECT_GT(std::abs(x[0] - values[0]), 0.1F) << "it did not rotate";
    args.is_inverse = true;
    body.table->rotary(args, {&pool, nullptr});
    for (std::int64_t i = 0; i < kHeadDim; ++i) {
      EXPECT_NEAR(x[i], values[static_cast<std::size_t>(i)], 1e-6F) << body.name;
    }
  }
}

class RotaryShape : public testing::TestWithParam<Case> {};

TEST_P(RotaryShape, AgreesWithTheReferenceBothWays) {
  for (const bool is_inverse : {false, true}) {
    expect_close_to_reference(
        [&](const KernelTable& table, const Launch& launch) {
          return run_rotary(GetParam(), is_inverse, table, launch);
        },
        // Two products of size up to 5 and their difference in fp32, one rounding.
        [](float expected) {
          return 16.0F * 0x1p-24F + 2.0F * unit_roundoff(GetParam().dtype) * std::abs(expected);
        });
  }
}

TEST_P(RotaryShape, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_rotary(GetParam(), false, table, launch);
  });
}

// Whole vectors, a head shorter than one vector, a tail in each half, a part that is not rotated.
INSTANTIATE_TEST_SUITE_P(Shapes,
                         RotaryShape,
                         testing::Values(Case{50, 9, 64, 64, DType::kBF16},
                                         Case{50, 3, 64, 64, DType::kF32},
                                         Case{5, 2, 8, 8, DType::kBF16},
                                         Case{33, 2, 80, 74, DType::kF32},
                                         Case{33, 2, 80, 32, DType::kBF16}),
                         name_of_case);

TEST(RotaryKernel, RefusesAnOddRotaryDimension) {
  kernels::Rotary args{};
  args.tokens = 1;
  args.heads = 1;
  args.head_dim = 8;
  args.rotary_dim = 3;
  args.dtype = DType::kF32;
  EXPECT_THROW(kernels::host_kernels().rotary(args, {nullptr, nullptr}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
