#include "kernels/mlp/swiglu.h"

#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

struct Case {
  std::int64_t count;
  DType dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return case_name({c.count}, c.dtype);
}

std::vector<Array> run_forward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array gate(c.dtype, normal_values(c.count, 1, 6.0F));
  const Array up(c.dtype, normal_values(c.count, 2));
  Array y = Array::filled(c.dtype, c.count, 7.0F);
  call(table.swiglu_forward, {gate.data(), up.data(), y.data(), c.count, c.dtype}, launch);
  return {y};
}

std::vector<Array> run_backward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array d_y(c.dtype, normal_values(c.count, 3));
  const Array gate(c.dtype, normal_values(c.count, 1, 6.0F));
  const Array up(c.dtype, normal_values(c.count, 2));
  Array d_gate = Array::filled(c.dtype, c.count, 7.0F);
  Array d_up = Array::filled(c.dtype, c.count, 7.0F);
  call(table.swiglu_backward,
       {d_y.data(), gate.data(), up.data(), d_gate.data(), d_up.data(), c.count, c.dtype},
       launch);
  return {d_gate, d_up};
}

// A logistic of 3 ulp, three products, one rounding. s * (1 + g * (1 - s)) has a zero near
// g = -1.28, where its error stays that of its terms: the absolute part.
std::function<float(float)> tolerance(DType dtype) {
  return [=](float expected) {
    return (2.0F * unit_roundoff(dtype) + 8.0F * 0x1p-24F) * std::abs(expected) + 8.0F * 0x1p-24F;
  };
}

TEST(SwigluForward, IsTheEquation) {
  Array gate(DType::kF32, {0.0F, std::log(3.0F), -std::log(3.0F)});  // s = 1/2, 3/4, 1/4
  Array up(DType::kF32, {5.0F, 4.0F, 4.0F});
  const KernelRun run = [&](const KernelTable& table, const Launch& launch) {
    Array y = Array::filled(DType::kF32, 3, 7.0F);
    call(table.swiglu_forward, {gate.data(), up.data(), y.data(), 3, DType::kF32}, launch);
    return std::vector<Array>{y};
  };
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, run);
    EXPECT_EQ(out[0][0], 0.0F) << body.name;
    EXPECT_FLOAT_EQ(out[0][1], 3.0F * std::log(3.0F)) << body.name;
    EXPECT_FLOAT_EQ(out[0][2], -std::log(3.0F)) << body.name;
  }
}

TEST(SwigluBackward, IsTheDerivativeOfTheForward) {
  const std::vector<float> gates = normal_values(20, 1, 3.0F);
  const std::vector<Array> gradients =
      run_reference([&](const KernelTable& table, const Launch& launch) {
        const Array d_y = Array::filled(DType::kF32, 20, 2.0F);
        const Array gate(DType::kF32, gates);
        const Array up = Array::filled(DType::kF32, 20, 3.0F);
        Array d_gate = Array::filled(DType::kF32, 20, 7.0F);
        Array d_up = Array::filled(DType::kF32, 20, 7.0F);
        call(table.swiglu_backward,
             {d_y.data(), gate.data(), up.data(), d_gate.data(), d_up.data(), 20, DType::kF32},
             launch);
        return std::vector<Array>{d_gate, d_up};
      });
  const auto silu = [](double g) { return g / (1.0 + std::exp(-g)); };
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < 20; ++i) {
    const double slope = (silu(gates[i] + kStep) - silu(gates[i] - kStep)) / (2.0 * kStep);
    EXPECT_NEAR(gradients[0][static_cast<std::int64_t>(i)], 2.0 * 3.0 * slope, 1e-6);
    EXPECT_NEAR(gradients[1][static_cast<std::int64_t>(i)], 2.0 * silu(gates[i]), 1e-6);
  }
}

class Swiglu : public testing::TestWithParam<Case> {};

TEST_P(Swiglu, AgreesWithTheReference) {
  const Case c = GetParam();
  expect_close_to_reference(
      [&](const KernelTable& table, const Launch& launch) { return run_forward(c, table, launch); },
      tolerance(c.dtype));
  expect_close_to_reference([&](const KernelTable& table,
                                const Launch& launch) { return run_backward(c, table, launch); },
                            tolerance(c.dtype));
}

TEST_P(Swiglu, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  const Case c = GetParam();
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_forward(c, table, launch);
  });
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_backward(c, table, launch);
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes,
                         Swiglu,
                         testing::Values(Case{1, DType::kF32},
                                         Case{31, DType::kBF16},
                                         Case{40001, DType::kF32},
                                         Case{40001, DType::kBF16}),
                         name_of_case);

TEST(SwigluForward, KeepsItsValueForGatesOfAnySize) {
  const std::vector<float> gates = {-1e30F, -200.0F, -100.0F, 100.0F, 1e30F, NAN};
  const KernelRun run = [&](const KernelTable& table, const Launch& launch) {
    const Array gate(DType::kF32, gates);
    const Array up = Array::filled(DType::kF32, 6, 1.0F);
    Array y = Array::filled(DType::kF32, 6, 7.0F);
    call(table.swiglu_forward, {gate.data(), up.data(), y.data(), 6, DType::kF32}, launch);
    return std::vector<Array>{y};
  };
  for (const Body& body : available_bodies()) {
    const Array y = run_with(body, 1, run)[0];
    EXPECT_EQ(y[0], 0.0F) << body.name;
    EXPECT_EQ(y[1], 0.0F) << body.name;
    // s is denormal: half of the smallest denormal, times 100.
    EXPECT_NEAR(y[2], -100.0 * std::exp(-100.0), 8e-44) << body.name;
    EXPECT_EQ(y[3], 100.0F) << body.name;
    EXPECT_EQ(y[4], 1e30F) << body.name;
    EXPECT_TRUE(std::isnan(y[5])) << body.name;
  }
}

TEST(SwigluBackward, MayOverwriteItsInputs) {
  const std::vector<float> gates = normal_values(70, 1);
  const std::vector<float> ups = normal_values(70, 2);
  const std::vector<float> d_ys = normal_values(70, 3);
  ThreadPool pool(1);
  for (const Body& body : available_host_bodies()) {
    Array gate(DType::kBF16, gates);
    Array up(DType::kBF16, ups);
    const Array d_y(DType::kBF16, d_ys);
    Array d_gate = Array::filled(DType::kBF16, 70, 0.0F);
    Array d_up = Array::filled(DType::kBF16, 70, 0.0F);
    kernels::SwigluBackward args{
        d_y.data(), gate.data(), up.data(), d_gate.data(), d_up.data(), 70, DType::kBF16};
    body.table->swiglu_backward(args, {&pool, nullptr});
    args.d_gate = gate.data();
    args.d_up = up.data();
    body.table->swiglu_backward(args, {&pool, nullptr});
    EXPECT_TRUE(gate.has_same_bits(d_gate)) << body.name;
    EXPECT_TRUE(up.has_same_bits(d_up)) << body.name;
  }
}

TEST(SwigluForward, RefusesAnotherDtype) {
  kernels::SwigluForward args{};
  args.dtype = DType::kF16;
  EXPECT_THROW(kernels::host_kernels().swiglu_forward(args, {nullptr, nullptr}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
