#include "kernels/optim/adamw.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/kernel_test.h"
#include "kernels/optim/master.h"

namespace longhaul::test {
namespace {

using kernels::AdamWScalars;
using kernels::AdamWStep;
using kernels::KernelTable;
using kernels::Launch;

AdamWStep make_step() {
  return {.learning_rate = 1e-3,
          .beta1 = 0.9,
          .beta2 = 0.999,
          .epsilon = 1e-8,
          .weight_decay = 0.1,
          .beta1_power = 0.9 * 0.9,
          .beta2_power = 0.999 * 0.999,
          .clip = 0.37F,
          .is_skipped = false};
}

// Weights, moments and gradients of an ordinary run, and every kind of number a run can meet.
struct Inputs {
  std::vector<float> weight, momentum, variance, gradient;
};

Inputs ordinary_inputs(std::int64_t count) {
  Inputs inputs{normal_values(count, 1, 0.05F),
                normal_values(count, 2, 1e-3F),
                normal_values(count, 3, 1e-5F),
                normal_values(count, 4, 1e-3F)};
  for (float& v : inputs.variance) v = std::abs(v);
  return inputs;
}

Inputs special_inputs() {
  const std::vector<float> specials = {0.0F,
                                       -0.0F,
                                       1.0F,
                                       -1.0F,
                                       1e-45F,
                                       -1e-45F,
                                       1e-39F,
                                       -3e-39F,
                                       1e-20F,
                                       3e38F,
                                       -3e38F,
                                       INFINITY,
                                       -INFINITY,
                                       NAN,
                                       0x1p-126F};
  Inputs inputs;
  for (const float weight : specials) {
    for (const float momentum : specials) {
      for (const float gradient : specials) {
        inputs.weight.push_back(weight);
        inputs.momentum.push_back(momentum);
        inputs.variance.push_back(std::abs(momentum));
        inputs.gradient.push_back(gradient);
      }
    }
  }
  return inputs;
}

Shared<AdamWScalars> scalars_of(const AdamWStep& step) {
  return {make_adamw_scalars(step)};
}

// In place, or from old arrays into others that hold something else before.
enum class From : std::uint8_t { kPlace, kOldArrays };

template <From kFrom = From::kPlace>
std::vector<Array> run_fp32(const Inputs& inputs,
                            const AdamWStep& step,
                            const KernelTable& table,
                            const Launch& launch) {
  const std::vector<float> other(inputs.weight.size(), 7.0F);
  Array old_weight(DType::kF32, inputs.weight);
  Array old_momentum(DType::kF32, inputs.momentum);
  Array old_variance(DType::kF32, inputs.variance);
  Array weight(DType::kF32, kFrom == From::kPlace ? inputs.weight : other);
  Array momentum(DType::kF32, kFrom == From::kPlace ? inputs.momentum : other);
  Array variance(DType::kF32, kFrom == From::kPlace ? inputs.variance : other);
  Array gradient(DType::kF32, inputs.gradient);
  const Shared<AdamWScalars> scalars = scalars_of(step);
  kernels::AdamWFp32 args{weight.floats(),
                          momentum.floats(),
                          variance.floats(),
                          gradient.floats(),
                          scalars.data(),
                          weight.size()};
  if (kFrom == From::kOldArrays) {
    args.old_weight = old_weight.floats();
    args.old_momentum = old_momentum.floats();
    args.old_variance = old_variance.floats();
  }
  call(table.adamw_fp32, args, launch);
  EXPECT_TRUE(old_weight.has_same_bits(Array(DType::kF32, inputs.weight)));
  EXPECT_TRUE(old_momentum.has_same_bits(Array(DType::kF32, inputs.momentum)));
  EXPECT_TRUE(old_variance.has_same_bits(Array(DType::kF32, inputs.variance)));
  return {weight, momentum, variance};
}

// The outputs are the fp32 master, joined, and the moments.
template <From kFrom = From::kPlace>
std::vector<Array> run_bf16(const Inputs& inputs,
                            const AdamWStep& step,
                            const KernelTable& table,
                            const Launch& launch) {
  Shared<std::uint16_t> old_weight;
  Shared<std::int16_t> old_remainder;
  for (const float master : inputs.weight) {
    const auto bits = std::bit_cast<std::uint32_t>(master);
    old_weight.push_back(kernels::master_weight(bits));
    old_remainder.push_back(kernels::master_remainder(bits));
  }
  const bool is_in_place = kFrom == From::kPlace;
  const std::vector<float> other(inputs.weight.size(), 7.0F);
  Shared<std::uint16_t> weight(old_weight);
  Shared<std::int16_t> remainder(old_remainder);
  if (!is_in_place) std::fill(weight.begin(), weight.end(), std::uint16_t{7});
  if (!is_in_place) std::fill(remainder.begin(), remainder.end(), std::int16_t{7});
  Array old_momentum(DType::kF32, inputs.momentum);
  Array old_variance(DType::kF32, inputs.variance);
  Array momentum(DType::kF32, is_in_place ? inputs.momentum : other);
  Array variance(DType::kF32, is_in_place ? inputs.variance : other);
  Array gradient(DType::kBF16, inputs.gradient);
  const Shared<AdamWScalars> scalars = scalars_of(step);
  kernels::AdamWBf16 args{weight.data(),
                          remainder.data(),
                          momentum.floats(),
                          variance.floats(),
                          static_cast<const std::uint16_t*>(gradient.data()),
                          scalars.data(),
                          momentum.size()};
  if (!is_in_place) {
    args.old_weight = old_weight.data();
    args.old_remainder = old_remainder.data();
    args.old_momentum = old_momentum.floats();
    args.old_variance = old_variance.floats();
  }
  call(table.adamw_bf16, args, launch);
  std::vector<float> master;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    master.push_back(std::bit_cast<float>(kernels::join_master(weight[i], remainder[i])));
  }
  return {Array(DType::kF32, master), momentum, variance};
}

// Loshchilov & Hutter 2019, algorithm 2, lines 6 to 12, in fp64.
TEST(AdamW, IsThePublishedAlgorithm) {
  const Inputs inputs = ordinary_inputs(100);
  const AdamWStep step = make_step();
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      return run_fp32(inputs, step, t, l);
    });
    for (std::size_t i = 0; i < 100; ++i) {
      const double g = static_cast<double>(step.clip) * inputs.gradient[i];
      const double m = step.beta1 * inputs.momentum[i] + (1.0 - step.beta1) * g;
      const double v = step.beta2 * inputs.variance[i] + (1.0 - step.beta2) * g * g;
      const double m_hat = m / (1.0 - step.beta1_power);
      const double v_hat = v / (1.0 - step.beta2_power);
      const double w =
          inputs.weight[i] - step.learning_rate * (m_hat / (std::sqrt(v_hat) + step.epsilon) +
                                                   step.weight_decay * inputs.weight[i]);
      const auto at = static_cast<std::int64_t>(i);
      ASSERT_NEAR(out[1][at], m, 4e-7 * std::abs(m) + 1e-10) << body.name;
      ASSERT_NEAR(out[2][at], v, 4e-7 * v) << body.name;
      ASSERT_NEAR(out[0][at], w, 4e-7 * std::abs(w) + 1e-8) << body.name;
    }
  }
}

TEST(AdamW, GivesTheBitsOfTheReferenceForAnyThreads) {
  const Inputs inputs = ordinary_inputs(33333);
  expect_reference_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_fp32(inputs, make_step(), table, launch);
  });
  expect_reference_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_bf16(inputs, make_step(), table, launch);
  });
}

TEST(AdamW, GivesTheBitsOfTheReferenceForDenormalsInfinitiesAndZeros) {
  expect_reference_bits_everywhere([](const KernelTable& table, const Launch& launch) {
    return run_fp32(special_inputs(), make_step(), table, launch);
  });
}

TEST(AdamW, FromOldArraysGivesTheBitsOfAnUpdateInPlace) {
  for (const std::int64_t count : {1, 37, 33333}) {
    const Inputs inputs = ordinary_inputs(count);
    std::vector<Body> bodies = available_bodies();
    bodies.push_back({"reference", &kernels::reference_kernels()});
    for (const Body& body : bodies) {
      const auto run = [&](auto kernel) {
        return run_with(body, 2, [&](const KernelTable& t, const Launch& l) {
          return kernel(inputs, make_step(), t, l);
        });
      };
      const auto expect_same = [&](const std::vector<Array>& a, const std::vector<Array>& b) {
        for (std::size_t k = 0; k < 3; ++k) EXPECT_TRUE(a[k].has_same_bits(b[k])) << body.name;
      };
      expect_same(run(run_fp32<From::kPlace>), run(run_fp32<From::kOldArrays>));
      expect_same(run(run_bf16<From::kPlace>), run(run_bf16<From::kOldArrays>));
    }
  }
}

TEST(AdamW, KeepsDenormalsInTheMoments) {
  Inputs inputs;
  inputs.weight = {1.0F};
  inputs.momentum = {1e-40F};
  inputs.variance = {1e-40F};
  inputs.gradient = {0.0F};
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      return run_fp32(inputs, make_step(), t, l);
    });
    EXPECT_NEAR(out[1][0], 0.9e-40, 3e-45) << body.name;
    EXPECT_NEAR(out[2][0], 0.999e-40, 3e-45) << body.name;
  }
}

// The bf16 form computes on the fp32 master: with the same gradient it gives the fp32 form's bits.
TEST(AdamW, OfABf16RunUpdatesTheSameMasterAsAnFp32Run) {
  Inputs inputs = ordinary_inputs(1000);
  inputs.gradient = Array(DType::kBF16, inputs.gradient).values();
  for (const Body& body : available_bodies()) {
    const auto run = [&](auto kernel) {
      return run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
        return kernel(inputs, make_step(), t, l);
      });
    };
    const std::vector<Array> fp32 = run(run_fp32<From::kPlace>);
    const std::vector<Array> bf16 = run(run_bf16<From::kPlace>);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_TRUE(fp32[k].has_same_bits(bf16[k])) << body.name;
  }
}

TEST(AdamW, LeavesEverythingWhenSkipped) {
  const Inputs inputs = special_inputs();
  AdamWStep step = make_step();
  step.is_skipped = true;
  std::vector<Body> bodies = available_bodies();
  bodies.push_back({"reference", &kernels::reference_kernels()});
  for (const Body& body : bodies) {
    const std::vector<Array> fp32 = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      return run_fp32(inputs, step, t, l);
    });
    const std::vector<Array> bf16 = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      return run_bf16(inputs, step, t, l);
    });
    for (const std::vector<Array>& out : {fp32, bf16}) {
      EXPECT_TRUE(out[0].has_same_bits(Array(DType::kF32, inputs.weight))) << body.name;
      EXPECT_TRUE(out[1].has_same_bits(Array(DType::kF32, inputs.momentum))) << body.name;
      EXPECT_TRUE(out[2].has_same_bits(Array(DType::kF32, inputs.variance))) << body.name;
    }
  }
}

TEST(MakeAdamWScalars, CorrectsTheBiasOfTheFirstStep) {
  AdamWStep step = make_step();
  step.beta1_power = step.beta1;
  step.beta2_power = step.beta2;
  const AdamWScalars scalars = make_adamw_scalars(step);
  EXPECT_FLOAT_EQ(scalars.step_size, 1e-2F);  // 1e-3 / (1 - 0.9)
  EXPECT_FLOAT_EQ(scalars.inverse_sqrt_correction2, 31.6227766F);
  EXPECT_FLOAT_EQ(scalars.decay, 1e-4F);
}

TEST(MakeAdamWScalars, RefusesABetaOfOne) {
  AdamWStep step = make_step();
  step.beta2 = 1.0;
  EXPECT_THROW(make_adamw_scalars(step), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
