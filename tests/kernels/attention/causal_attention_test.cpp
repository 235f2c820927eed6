#include "kernels/attention/causal_attention.h"

#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

constexpr std::int64_t kTokens = 7;
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKvHeads = 2;
constexpr std::int64_t kHeadDim = 3;
constexpr std::int32_t kSegments[] = {0, 4, 4, 7};  // the second is empty

// The inputs and outputs of one small problem; a test changes what it wants to.
struct Problem {
  Array q{DType::kF32, normal_values(kTokens* kHeads* kHeadDim, 1)};
  Array k{DType::kF32, normal_values(kTokens* kKvHeads* kHeadDim, 2)};
  Array v{DType::kF32, normal_values(kTokens* kKvHeads* kHeadDim, 3)};
  Array y = Array::filled(DType::kF32, kTokens* kHeads* kHeadDim, 7.0F);
  Array lse = Array::filled(DType::kF32, kTokens* kHeads, 7.0F);
  std::int64_t window = 0;

  kernels::CausalAttentionForward forward() {
    kernels::CausalAttentionForward args{q.data(),
                                         k.data(),
                                         v.data(),
                                         kSegments,
                                         y.data(),
                                         lse.floats(),
                                         kTokens,
                                         3,
                                         kHeads,
                                         kKvHeads,
                                         kHeadDim,
                                         window,
                                         0.7F,
                                         DType::kF32};
    kernels::causal_attention_forward_reference(args);
    return args;
  }

  // sum of y times the weights of `d_y`
  double loss(const Array& d_y) {
    forward();
    double sum = 0.0;
    for (std::int64_t i = 0; i < y.size(); ++i) sum += static_cast<double>(y[i]) * d_y[i];
    return sum;
  }
};

TEST(CausalAttentionReference, SeesOnlyItsOwnSegmentUpToItself) {
  Problem problem;
  problem.forward();
  const Array before = problem.y;
  problem.k.floats()[4 * kKvHeads * kHeadDim] += 1.0F;  // the first token of the last segment
  problem.v.floats()[4 * kKvHeads * kHeadDim] += 1.0F;
  problem.forward();
  constexpr std::int64_t kRow = kHeads * kHeadDim;
  for (std::int64_t i = 0; i < 4 * kRow; ++i) EXPECT_EQ(problem.y[i], before[i]);
  for (std::int64_t t = 4; t < kTokens; ++t) EXPECT_NE(problem.y[t * kRow], before[t * kRow]);
}

TEST(CausalAttentionReference, CopiesTheValueOfATokenThatSeesOnlyItself) {
  Problem problem;
  problem.window = 1;
  problem.forward();
  for (std::int64_t t = 0; t < kTokens; ++t) {
    for (std::int64_t h = 0; h < kHeads; ++h) {
      for (std::int64_t d = 0; d < kHeadDim; ++d) {
        EXPECT_FLOAT_EQ(problem.y[(t * kHeads + h) * kHeadDim + d],
                        problem.v[(t * kKvHeads + h / 2) * kHeadDim + d]);
      }
    }
  }
}

TEST(CausalAttentionReference, BackwardIsTheDerivativeOfTheForward) {
  for (const std::int64_t window : {0, 2}) {
    Problem problem;
    problem.window = window;
    const Array d_y(DType::kF32, normal_values(kTokens * kHeads * kHeadDim, 4));
    Array d_q = Array::filled(DType::kF32, problem.q.size(), 7.0F);
    Array d_k = Array::filled(DType::kF32, problem.k.size(), 7.0F);
    Array d_v = Array::filled(DType::kF32, problem.v.size(), 7.0F);
    kernels::causal_attention_backward_reference(
        {problem.forward(), d_y.data(), d_q.data(), d_k.data(), d_v.data()});
    const auto expect_derivative = [&](Array& input, const Array& gradient, const char* name) {
      constexpr float kStep = 1.0F / 64.0F;  // y has fp32 noise of 1e-7
      for (std::int64_t i = 0; i < input.size(); ++i) {
        const float at = input[i];
        input.floats()[i] = at + kStep;
        const double up = problem.loss(d_y);
        input.floats()[i] = at - kStep;
        const double down = problem.loss(d_y);
        input.floats()[i] = at;
        EXPECT_NEAR(gradient[i], (up - down) / (2.0 * kStep), 1e-3) << name << " " << i;
      }
    };
    expect_derivative(problem.q, d_q, "d_q");
    expect_derivative(problem.k, d_k, "d_k");
    expect_derivative(problem.v, d_v, "d_v");
  }
}

TEST(CausalAttentionReference, RefusesSegmentsThatDoNotCoverTheTokens) {
  Problem problem;
  kernels::CausalAttentionForward args = problem.forward();
  args.segment_count = 1;
  EXPECT_THROW(kernels::causal_attention_forward_reference(args), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
