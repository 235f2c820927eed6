#include "kernels/norm/layer_norm.h"

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

// Values far from zero: the variance must not be computed as a difference of squares.
std::vector<float> shifted_values(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values = normal_values(count, seed);
  for (float& value : values) value += 30.0F;
  return values;
}

std::vector<Array> run_forward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array x(c.dtype, shifted_values(c.rows * c.width, 1));
  const Array gain(c.dtype, normal_values(c.width, 2));
  const Array bias(c.dtype, normal_values(c.width, 3));
  Array y = Array::filled(c.dtype, c.rows * c.width, 7.0F);
  Array mean = Array::filled(DType::kF32, c.rows, 7.0F);
  Array rstd = Array::filled(DType::kF32, c.rows, 7.0F);
  call(table.layer_norm_forward,
       {.x = x.data(),
        .gain = gain.data(),
        .bias = bias.data(),
        .y = y.data(),
        .mean = mean.floats(),
        .rstd = rstd.floats(),
        .rows = c.rows,
        .width = c.width,
        .epsilon = 1e-5F,
        .dtype = c.dtype},
       launch);
  return {y, mean, rstd};
}

std::vector<Array> run_backward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array x(c.dtype, normal_values(c.rows * c.width, 1));
  const Array gain(c.dtype, normal_values(c.width, 2));
  const Array d_y(c.dtype, normal_values(c.rows * c.width, 3));
  Array d_x(c.dtype, normal_values(c.rows * c.width, 4));  // the residual's gradient lies there
  Array mean(DType::kF32, normal_values(c.rows, 5));
  Array rstd(DType::kF32, normal_values(c.rows, 6));
  Array d_gain = Array::filled(c.dtype, c.width, 7.0F);
  Array d_bias = Array::filled(c.dtype, c.width, 7.0F);
  Array scratch =
      Array::filled(DType::kF32, kernels::layer_norm_backward_scratch(c.rows, c.width) / 4, NAN);
  call(table.layer_norm_backward,
       {.d_y = d_y.data(),
        .x = x.data(),
        .gain = gain.data(),
        .mean = mean.floats(),
        .rstd = rstd.floats(),
        .d_residual = d_x.data(),
        .d_x = d_x.data(),
        .d_gain = d_gain.data(),
        .d_bias = d_bias.data(),
        .scratch = scratch.floats(),
        .rows = c.rows,
        .width = c.width,
        .dtype = c.dtype},
       launch);
  return {d_x, d_gain, d_bias};
}

// Two rounded factors, sums of `count` fp32 terms of size `scale`, one rounding.
std::function<float(float)> tolerance(const Case& c, std::int64_t count, float scale) {
  return [=](float expected) {
    return 2.0F * unit_roundoff(c.dtype) * std::abs(expected) +
           8.0F * std::sqrt(static_cast<float>(count)) * scale * 0x1p-24F;
  };
}

TEST(LayerNormForward, IsTheEquationOnARowOfTwo) {
  Array x(DType::kF32, {5.0F, -1.0F});  // mean 2, variance 9
  Array gain(DType::kF32, {2.0F, 8.0F});
  Array bias(DType::kF32, {0.25F, -1.0F});
  for (const Body& body : available_bodies()) {
    const KernelRun run = [&](const KernelTable& table, const Launch& launch) {
      Array y = Array::filled(DType::kF32, 2, 0.0F);
      Array mean = Array::filled(DType::kF32, 1, 0.0F);
      Array rstd = Array::filled(DType::kF32, 1, 0.0F);
      call(table.layer_norm_forward,
           {x.data(),
            gain.data(),
            bias.data(),
            y.data(),
            mean.floats(),
            rstd.floats(),
            1,
            2,
            7.0F,
            DType::kF32},
           launch);
      return std::vector<Array>{y, mean, rstd};
    };
    const std::vector<Array> out = run_with(body, 1, run);
    EXPECT_THAT(out[0].values(), testing::ElementsAre(1.75F, -7.0F)) << body.name;
    EXPECT_EQ(out[1][0], 2.0F) << body.name;
    EXPECT_EQ(out[2][0], 0.25F) << body.name;  // 1 / sqrt(9 + 7)
  }
}

TEST(LayerNormBackward, IsTheDerivativeOfTheForward) {
  const std::vector<float> x = normal_values(5, 1);
  const std::vector<float> gain = normal_values(5, 2);
  const std::vector<float> d_y = normal_values(5, 3);
  struct Statistics {
    double mean, rstd;
  };
  const auto statistics = [](const std::vector<double>& at) {
    double mean = 0.0;
    double variance = 0.0;
    for (const double value : at) mean += value / 5.0;
    for (const double value : at) variance += (value - mean) * (value - mean) / 5.0;
    return Statistics{mean, 1.0 / std::sqrt(variance + 1e-5)};
  };
  const auto loss = [&](const std::vector<double>& at) {
    const Statistics s = statistics(at);
    double sum = 0.0;
    for (std::size_t i = 0; i < 5; ++i) {
      sum += static_cast<double>(d_y[i]) * gain[i] * (at[i] - s.mean) * s.rstd;
    }
    return sum;
  };
  const std::vector<double> at(x.begin(), x.end());
  Array mean(DType::kF32, {static_cast<float>(statistics(at).mean)});
  Array rstd(DType::kF32, {static_cast<float>(statistics(at).rstd)});
  Array d_x = Array::filled(DType::kF32, 5, 0.0F);
  const Array x_array(DType::kF32, x);
  const Array gain_array(DType::kF32, gain);
  const Array d_y_array(DType::kF32, d_y);
  kernels::LayerNormBackward args{};
  args.d_y = d_y_array.data();
  args.x = x_array.data();
  args.gain = gain_array.data();
  args.mean = mean.floats();
  args.rstd = rstd.floats();
  args.d_x = d_x.data();
  args.rows = 1;
  args.width = 5;
  args.dtype = DType::kF32;
  kernels::reference_kernels().layer_norm_backward(args, {nullptr, nullptr});
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < 5; ++i) {
    std::vector<double> up = at;
    std::vector<double> down = at;
    up[i] += kStep;
    down[i] -= kStep;
    EXPECT_NEAR(d_x[static_cast<std::int64_t>(i)], (loss(up) - loss(down)) / (2 * kStep), 2e-6);
  }
}

class LayerNorm : public testing::TestWithParam<Case> {};

TEST_P(LayerNorm, ForwardAgreesWithTheReference) {
  const Case c = GetParam();
  expect_close_to_reference(
      [&](const KernelTable& table, const Launch& launch) { return run_forward(c, table, launch); },
      tolerance(c, 1, 300.0F));  // x of 30 less a mean of 30, for rows of small variance
}

TEST_P(LayerNorm, BackwardAgreesWithTheReference) {
  const Case c = GetParam();
  expect_close_to_reference([&](const KernelTable& table,
                                const Launch& launch) { return run_backward(c, table, launch); },
                            tolerance(c, std::max(c.rows, c.width), 4.0F));
}

TEST_P(LayerNorm, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  const Case c = GetParam();
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_forward(c, table, launch);
  });
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_backward(c, table, launch);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         LayerNorm,
                         testing::Values(Case{3, 15, DType::kBF16},
                                         Case{200, 64, DType::kF32},
                                         Case{65, 576, DType::kBF16},
                                         Case{130, 333, DType::kF32},
                                         Case{130, 333, DType::kBF16}),
                         name_of_case);

TEST(LayerNormBackward, RefusesOneParameterGradientWithoutTheOther) {
  float d_gain = 0.0F;
  kernels::LayerNormBackward args{};
  args.d_gain = &d_gain;
  args.width = 1;
  args.dtype = DType::kF32;
  EXPECT_THROW(kernels::host_kernels().layer_norm_backward(args, {nullptr, nullptr}),
               InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
