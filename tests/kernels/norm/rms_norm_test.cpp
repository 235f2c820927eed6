#include "kernels/norm/rms_norm.h"

#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

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
  const Array x(c.dtype, normal_values(c.rows * c.width, 1));
  const Array gain(c.dtype, normal_values(c.width, 2));
  Array y = Array::filled(c.dtype, c.rows * c.width, 7.0F);
  Array rstd = Array::filled(DType::kF32, c.rows, 7.0F);
  call(table.rms_norm_forward,
       {x.data(), gain.data(), y.data(), rstd.floats(), c.rows, c.width, 1e-5F, c.dtype},
       launch);
  return {y, rstd};
}

std::vector<Array> run_backward(const Case& c,
                                bool has_residual,
                                const KernelTable& table,
                                const Launch& launch) {
  const Array x(c.dtype, normal_values(c.rows * c.width, 1));
  const Array gain(c.dtype, normal_values(c.width, 2));
  const Array d_y(c.dtype, normal_values(c.rows * c.width, 3));
  const Array d_residual(c.dtype, normal_values(c.rows * c.width, 4));
  Array rstd(DType::kF32, normal_values(c.rows, 5));
  Array d_x = Array::filled(c.dtype, c.rows * c.width, 7.0F);
  Array d_gain = Array::filled(c.dtype, c.width, 7.0F);
  Array scratch =
      Array::filled(DType::kF32, kernels::rms_norm_backward_scratch(c.rows, c.width) / 4, NAN);
  call(table.rms_norm_backward,
       {.d_y = d_y.data(),
        .x = x.data(),
        .gain = gain.data(),
        .rstd = rstd.floats(),
        .d_residual = has_residual ? d_residual.data() : nullptr,
        .d_x = d_x.data(),
        .d_gain = d_gain.data(),
        .scratch = scratch.floats(),
        .rows = c.rows,
        .width = c.width,
        .dtype = c.dtype},
       launch);
  return {d_x, d_gain};
}

// Two fp32 products of rounded factors, a sum of `count` fp32 terms of size about 1, one rounding.
std::function<float(float)> tolerance(const Case& c, std::int64_t count) {
  return [=](float expected) {
    return 2.0F * unit_roundoff(c.dtype) * std::abs(expected) +
           8.0F * std::sqrt(static_cast<float>(count)) * 0x1p-24F;
  };
}

TEST(RmsNormForward, IsTheEquationOnARowOfTwo) {
  ThreadPool pool(1);
  const Array x(DType::kF32, {3.0F, -4.0F});  // mean square 12.5
  const Array gain(DType::kF32, {2.0F, 0.5F});
  Array y = Array::filled(DType::kF32, 2, 0.0F);
  float rstd = 0.0F;
  const kernels::RmsNormForward args{
      x.data(), gain.data(), y.data(), &rstd, 1, 2, 3.5F, DType::kF32};
  for (const Body& body : available_host_bodies()) {
    body.table->rms_norm_forward(args, {&pool, nullptr});
    EXPECT_FLOAT_EQ(rstd, 0.25F);  // 1 / sqrt(12.5 + 3.5)
    EXPECT_FLOAT_EQ(y[0], 1.5F);
    EXPECT_FLOAT_EQ(y[1], -0.5F);
  }
}

TEST(RmsNormBackward, IsTheDerivativeOfTheForward) {
  const Case c{1, 5, DType::kF32};
  const std::vector<float> x = normal_values(c.width, 1);
  const std::vector<float> gain = normal_values(c.width, 2);
  const std::vector<float> d_y = normal_values(c.width, 3);
  const auto rstd_of = [&](const std::vector<double>& at) {
    double squares = 0.0;
    for (const double value : at) squares += value * value;
    return 1.0 / std::sqrt(squares / 5.0 + 1e-5);
  };
  const auto loss = [&](const std::vector<double>& at) {
    double sum = 0.0;
    for (std::size_t i = 0; i < 5; ++i) {
      sum += static_cast<double>(d_y[i]) * gain[i] * at[i] * rstd_of(at);
    }
    return sum;
  };
  std::vector<double> at(x.begin(), x.end());
  Array rstd(DType::kF32, {static_cast<float>(rstd_of(at))});
  Array d_x = Array::filled(DType::kF32, 5, 0.0F);
  const Array x_array(DType::kF32, x);
  const Array gain_array(DType::kF32, gain);
  const Array d_y_array(DType::kF32, d_y);
  kernels::reference_kernels().rms_norm_backward({.d_y = d_y_array.data(),
                                                  .x = x_array.data(),
                                                  .gain = gain_array.data(),
                                                  .rstd = rstd.floats(),
                                                  .d_residual = nullptr,
                                                  .d_x = d_x.data(),
                                                  .d_gain = nullptr,
                                                  .scratch = nullptr,
                                                  .rows = 1,
                                                  .width = 5,
                                                  .dtype = DType::kF32},
                                                 {nullptr, nullptr});
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < 5; ++i) {
    std::vector<double> up = at;
    std::vector<double> down = at;
    up[i] += kStep;
    down[i] -= kStep;
    EXPECT_NEAR(d_x[static_cast<std::int64_t>(i)], (loss(up) - loss(down)) / (2 * kStep), 1e-6);
  }
}

class RmsNorm : public testing::TestWithParam<Case> {};

TEST_P(RmsNorm, ForwardAgreesWithTheReference) {
  const Case c = GetParam();
  expect_close_to_reference(
      [&](const KernelTable& table, const Launch& launch) { return run_forward(c, table, launch); },
      tolerance(c, 1));
}

TEST_P(RmsNorm, BackwardAgreesWithTheReference) {
  const Case c = GetParam();
  expect_close_to_reference(
      [&](const KernelTable& table, const Launch& launch) {
        return run_backward(c, true, table, launch);
      },
      tolerance(c, std::max(c.rows, c.width)));
}

TEST_P(RmsNorm, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  const Case c = GetParam();
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_forward(c, table, launch);
  });
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_backward(c, false, table, launch);
  });
}

// One lane, a short vector, a head, whole groups of four vectors, a tail after them; rows within
// one chunk, several chunks, a short last one.
INSTANTIATE_TEST_SUITE_P(Shapes,
                         RmsNorm,
                         testing::Values(Case{1, 1, DType::kF32},
                                         Case{3, 15, DType::kBF16},
                                         Case{200, 64, DType::kBF16},
                                         Case{65, 576, DType::kF32},
                                         Case{65, 576, DType::kBF16},
                                         Case{130, 333, DType::kF32},
                                         Case{130, 333, DType::kBF16}),
                         name_of_case);

TEST(RmsNormForward, MayOverwriteItsInput) {
  const std::vector<float> values = normal_values(3 * 37, 1);
  const Array gain(DType::kBF16, normal_values(37, 2));
  ThreadPool pool(1);
  const kernels::Launch launch{&pool, nullptr};
  for (const Body& body : available_host_bodies()) {
    const Array x(DType::kBF16, values);
    Array in_place(DType::kBF16, values);
    Array y = Array::filled(DType::kBF16, 3 * 37, 0.0F);
    std::vector<float> rstd(3);
    kernels::RmsNormForward args{
        x.data(), gain.data(), y.data(), rstd.data(), 3, 37, 1e-5F, DType::kBF16};
    body.table->rms_norm_forward(args, launch);
    args.x = args.y = in_place.data();
    body.table->rms_norm_forward(args, launch);
    EXPECT_TRUE(in_place.has_same_bits(y)) << body.name;
  }
}

TEST(RmsNormBackward, MayOverwriteTheResidualOrTheGradientOfItsOutput) {
  constexpr std::int64_t kRows = 70;
  constexpr std::int64_t kWidth = 33;
  ThreadPool pool(1);
  const Array x(DType::kBF16, normal_values(kRows * kWidth, 1));
  const Array gain(DType::kBF16, normal_values(kWidth, 2));
  const std::vector<float> d_y_values = normal_values(kRows * kWidth, 3);
  const std::vector<float> residual_values = normal_values(kRows * kWidth, 4);
  Array rstd(DType::kF32, normal_values(kRows, 5));
  Array scratch =
      Array::filled(DType::kF32, kernels::rms_norm_backward_scratch(kRows, kWidth) / 4, 0.0F);
  std::vector<Body> bodies = available_host_bodies();
  bodies.push_back({"reference", &kernels::reference_kernels()});
  for (const Body& body : bodies) {
    const auto d_x_and_gain = [&](bool over_d_y, bool over_residual) {
      Array d_y(DType::kBF16, d_y_values);
      Array residual(DType::kBF16, residual_values);
      Array separate = Array::filled(DType::kBF16, kRows * kWidth, 0.0F);
      Array d_gain = Array::filled(DType::kBF16, kWidth, 0.0F);
      Array& d_x = over_d_y ? d_y : over_residual ? residual : separate;
      body.table->rms_norm_backward({.d_y = d_y.data(),
                                     .x = x.data(),
                                     .gain = gain.data(),
                                     .rstd = rstd.floats(),
                                     .d_residual = residual.data(),
                                     .d_x = d_x.data(),
                                     .d_gain = d_gain.data(),
                                     .scratch = scratch.floats(),
                                     .rows = kRows,
                                     .width = kWidth,
                                     .dtype = DType::kBF16},
                                    {&pool, nullptr});
      return std::vector<Array>{d_x, d_gain};
    };
    const std::vector<Array> expected = d_x_and_gain(false, false);
    for (const std::vector<Array>& actual :
         {d_x_and_gain(true, false), d_x_and_gain(false, true)}) {
      EXPECT_TRUE(actual[0].has_same_bits(expected[0])) << body.name;
      EXPECT_TRUE(actual[1].has_same_bits(expected[1])) << body.name;
    }
  }
}

TEST(RmsNormBackward, WritesAZeroGainGradientForNoRows) {
  ThreadPool pool(1);
  for (const Body& body : available_host_bodies()) {
    Array d_gain = Array::filled(DType::kF32, 3, 7.0F);
    kernels::RmsNormBackward args{};
    args.d_gain = d_gain.data();
    args.width = 3;
    args.dtype = DType::kF32;
    body.table->rms_norm_backward(args, {&pool, nullptr});
    EXPECT_THAT(d_gain.values(), testing::Each(0.0F)) << body.name;
  }
}

TEST(RmsNormForward, NamesTheArgumentThatIsWrong) {
  kernels::RmsNormForward args{};
  args.rows = 1;
  args.width = 4;
  args.dtype = DType::kF32;
  try {
    kernels::host_kernels().rms_norm_forward(args, {nullptr, nullptr});
    FAIL() << "expected InvalidArgument";
  } catch (const InvalidArgument& error) {
    EXPECT_STREQ(error.what(), "rms_norm_forward: x is null");
  }
}

}  // namespace
}  // namespace longhaul::test
