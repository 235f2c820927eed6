#include "kernels/mlp/gelu.h"

#include <cmath>
#include <numbers>

#include <gmock/gmock.h>

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::GeluKind;
using kernels::KernelTable;
using kernels::Launch;

struct Case {
  std::int64_t count;
  GeluKind kind;
  DType dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return (c.kind == GeluKind::kErf ? "erf_" : "tanh_") + case_name({c.count}, c.dtype);
}

std::vector<Array> run_forward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array x(c.dtype, normal_values(c.count, 1, 3.0F));
  Array y = Array::filled(c.dtype, c.count, 7.0F);
  call(table.gelu_forward, {x.data(), y.data(), c.count, c.kind, c.dtype}, launch);
  return {y};
}

std::vector<Array> run_backward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array x(c.dtype, normal_values(c.count, 1, 3.0F));
  Array d(c.dtype, normal_values(c.count, 2));  // d_y, overwritten by d_x
  call(table.gelu_backward, {d.data(), x.data(), d.data(), c.count, c.kind, c.dtype}, launch);
  return {d};
}

// The written definitions, tanh and all.
double gelu(GeluKind kind, double x) {
  if (kind == GeluKind::kErf) return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
  const double u = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + std::tanh(u));
}

class Gelu : public testing::TestWithParam<Case> {};

TEST_P(Gelu, IsTheEquation) {
  const Case c = GetParam();
  const Array x(c.dtype, normal_values(c.count, 1, 3.0F));
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(
        body, 2, [&](const KernelTable& t, const Launch& l) { return run_forward(c, t, l); });
    for (std::int64_t i = 0; i < c.count; ++i) {
      const double expected = gelu(c.kind, x[i]);
      ASSERT_NEAR(out[0][i], expected, 2.0 * unit_roundoff(c.dtype) * std::abs(expected) + 1e-6)
          << body.name << " at x = " << x[i];
    }
  }
}

TEST_P(Gelu, BackwardIsTheDerivativeOfTheForward) {
  const Case c = GetParam();
  const Array x(c.dtype, normal_values(c.count, 1, 3.0F));
  const Array d_y(c.dtype, normal_values(c.count, 2));
  constexpr double kStep = 1e-5;
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(
        body, 2, [&](const KernelTable& t, const Launch& l) { return run_backward(c, t, l); });
    for (std::int64_t i = 0; i < c.count; ++i) {
      const double slope =
          (gelu(c.kind, x[i] + kStep) - gelu(c.kind, x[i] - kStep)) / (2.0 * kStep);
      const double expected = d_y[i] * slope;
      ASSERT_NEAR(out[0][i], expected, 2.0 * unit_roundoff(c.dtype) * std::abs(expected) + 4e-6)
          << body.name << " at x = " << x[i];
    }
  }
}

TEST_P(Gelu, AgreesWithTheReferenceWhereItIsSmall) {
  const Case c = GetParam();
  // 8 ulp of the distribution (simd/math.h); the argument of the tanh form's logistic, up to 40,
  // is rounded before its exponential.
  const float relative = 2.0F * unit_roundoff(c.dtype) + 160.0F * 0x1p-24F;
  expect_close_to_reference(
      [&](const KernelTable& table, const Launch& launch) { return run_forward(c, table, launch); },
      [=](float expected) { return relative * std::abs(expected) + 1e-40F; });
}

TEST_P(Gelu, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  const Case c = GetParam();
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_forward(c, table, launch);
  });
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_backward(c, table, launch);
  });
}

INSTANTIATE_TEST_SUITE_P(Cases,
                         Gelu,
                         testing::Values(Case{31, GeluKind::kErf, DType::kBF16},
                                         Case{20001, GeluKind::kErf, DType::kF32},
                                         Case{31, GeluKind::kTanh, DType::kBF16},
                                         Case{20001, GeluKind::kTanh, DType::kF32}),
                         name_of_case);

TEST(GeluBackward, IsZeroOrOneForArgumentsOfAnySize) {
  for (const GeluKind kind : {GeluKind::kErf, GeluKind::kTanh}) {
    const KernelRun run = [&](const KernelTable& table, const Launch& launch) {
      const Array x(DType::kF32, {-3e38F, -1e20F, -50.0F, 50.0F, 1e20F, 3e38F});
      Array d = Array::filled(DType::kF32, 6, 1.0F);
      call(table.gelu_backward, {d.data(), x.data(), d.data(), 6, kind, DType::kF32}, launch);
      return std::vector<Array>{d};
    };
    for (const Body& body : available_bodies()) {
      EXPECT_THAT(run_with(body, 1, run)[0].values(), testing::ElementsAre(0, 0, 0, 1, 1, 1))
          << body.name;
    }
  }
}

}  // namespace
}  // namespace longhaul::test
