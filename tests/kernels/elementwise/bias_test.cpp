#include "kernels/elementwise/bias.h"

#include <cmath>

#include <gmock/gmock.h>

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

struct Case {
  std::int64_t rows;
  std::int64_t width;
  DType dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return case_name({c.rows, c.width}, c.dtype);
}

std::vector<Array> run_forward(const Case& c, const KernelTable& table, const Launch& launch) {
  Array x(c.dtype, normal_values(c.rows * c.width, 1));
  const Array bias(c.dtype, normal_values(c.width, 2));
  call(table.bias_forward, {x.data(), bias.data(), x.data(), c.rows, c.width, c.dtype}, launch);
  return {x};
}

std::vector<Array> run_backward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array d_y(c.dtype, normal_values(c.rows * c.width, 1));
  Array d_bias = Array::filled(c.dtype, c.width, 7.0F);
  Array scratch =
      Array::filled(DType::kF32, kernels::bias_backward_scratch(c.rows, c.width) / 4, NAN);
  call(table.bias_backward,
       {d_y.data(), d_bias.data(), scratch.floats(), c.rows, c.width, c.dtype},
       launch);
  return {d_bias};
}

TEST(BiasBackward, SumsTheRowsOfEveryColumn) {
  Array d_y(DType::kF32, {1.0F, 2.0F, 3.0F, 10.0F, 20.0F, 30.0F});
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      Array d_bias = Array::filled(DType::kF32, 3, 7.0F);
      Array scratch = Array::filled(DType::kF32, 3, NAN);
      call(t.bias_backward, {d_y.data(), d_bias.data(), scratch.floats(), 2, 3, DType::kF32}, l);
      return std::vector<Array>{d_bias};
    });
    EXPECT_THAT(out[0].values(), testing::ElementsAre(11.0F, 22.0F, 33.0F)) << body.name;
  }
}

class Bias : public testing::TestWithParam<Case> {};

TEST_P(Bias, ForwardGivesTheBitsOfTheReference) {
  expect_reference_bits_everywhere([](const KernelTable& table, const Launch& launch) {
    return run_forward(GetParam(), table, launch);
  });
}

TEST_P(Bias, BackwardAgreesWithTheReference) {
  // fp32 partial sums of `rows` terms of size 1, one rounding.
  const float absolute = 4.0F * static_cast<float>(GetParam().rows) * 0x1p-24F;
  expect_close_to_reference(
      [](const KernelTable& table, const Launch& launch) {
        return run_backward(GetParam(), table, launch);
      },
      [=](float expected) {
        return absolute + 2.0F * unit_roundoff(GetParam().dtype) * std::abs(expected);
      });
}

TEST_P(Bias, BackwardGivesTheSameBitsForAnyThreadsAndInstructionSet) {
  expect_same_bits_everywhere([](const KernelTable& table, const Launch& launch) {
    return run_backward(GetParam(), table, launch);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         Bias,
                         testing::Values(Case{1, 1, DType::kF32},
                                         Case{130, 333, DType::kF32},
                                         Case{130, 333, DType::kBF16},
                                         Case{64, 2304, DType::kBF16}),
                         name_of_case);

}  // namespace
}  // namespace longhaul::test
