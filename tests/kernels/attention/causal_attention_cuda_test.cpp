// The CUDA body of causal attention against the reference, and what its bits may depend on.
#include <cmath>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "kernels/attention/causal_attention.h"
#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using Segments = std::vector<std::int32_t>;

struct Case {
  Segments segments;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t window;
  DType dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return case_name({c.segments.back(), c.heads, c.kv_heads, c.head_dim, c.window}, c.dtype);
}

// Inputs by token, so that a part of them is another problem's.
struct Problem {
  Problem(const Case& c, std::int64_t first_token = 0)
      : test(c), tokens(c.segments.back()), segments(c.segments.begin(), c.segments.end()) {
    const auto random = [&](std::int64_t width, std::uint64_t seed) {
      const std::vector<float> all = normal_values((first_token + tokens) * width, seed);
      return Array(c.dtype, {all.begin() + first_token * width, all.end()});
    };
    const std::int64_t width = c.heads * c.head_dim;
    const std::int64_t kv_width = c.kv_heads * c.head_dim;
    q = random(width, 31);
    k = random(kv_width, 32);
    v = random(kv_width, 33);
    d_y = random(width, 34);
    y = d_q = Array::filled(c.dtype, tokens * width, NAN);
    d_k = d_v = Array::filled(c.dtype, tokens * kv_width, NAN);
    lse = delta = Array::filled(DType::kF32, c.heads * tokens, NAN);
  }

  kernels::CausalAttentionForward forward() {
    return {.q = q.data(),
            .k = k.data(),
            .v = v.data(),
            .segments = segments.data(),
            .y = y.data(),
            .lse = lse.floats(),
            .tokens = tokens,
            .segment_count = static_cast<std::int64_t>(segments.size()) - 1,
            .heads = test.heads,
            .kv_heads = test.kv_heads,
            .head_dim = test.head_dim,
            .window = test.window,
            .scale = 1.0F / std::sqrt(static_cast<float>(test.head_dim)),
            .dtype = test.dtype};
  }
  kernels::CausalAttentionBackward backward() {
    return {forward(), d_y.data(), d_q.data(), d_k.data(), d_v.data(), delta.floats()};
  }
  void run() {
    kernels::causal_attention_forward_cuda(forward(), {});
    kernels::causal_attention_backward_cuda(backward(), {});
    synchronize_gpu();
  }
  std::vector<const Array*> outputs() const { return {&y, &lse, &d_q, &d_k, &d_v}; }

  Case test;
  std::int64_t tokens;
  Shared<std::int32_t> segments;
  Array q, k, v, d_y, y, lse, delta, d_q, d_k, d_v;
};

class CausalAttentionCuda : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!has_gpu()) GTEST_SKIP() << "needs a GPU";
  }
};

// Of the norm of an output. fp32: sums of some hundred terms in another order. bf16: results,
// probabilities and gradients of scores are rounded to 8 bits.
double tolerance(DType dtype) {
  return dtype == DType::kF32 ? 3e-6 : 8e-3;
}

TEST_P(CausalAttentionCuda, AgreesWithTheReference) {
  Problem actual(GetParam());
  Problem expected(GetParam());
  actual.run();
  kernels::causal_attention_forward_reference(expected.forward());
  kernels::causal_attention_backward_reference(expected.backward());
  for (std::size_t output = 0; output < actual.outputs().size(); ++output) {
    const std::vector<float> a = actual.outputs()[output]->values();
    const std::vector<float> e = expected.outputs()[output]->values();
    double difference = 0.0;
    double norm = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(e[i]), 2);
      norm += std::pow(static_cast<double>(e[i]), 2);
    }
    // Not `difference > bound`: NaN fails too.
    EXPECT_LE(std::sqrt(difference), tolerance(GetParam().dtype) * std::sqrt(norm))
        << "output " << output;
  }
}

TEST_P(CausalAttentionCuda, GivesTheSameBitsEveryTimeAndWithMoreEmptySegments) {
  Problem first(GetParam());
  first.run();
  Case padded = GetParam();
  const std::int32_t tokens = padded.segments.back();
  padded.segments.insert(padded.segments.end(), 5, tokens);
  padded.segments.insert(padded.segments.begin() + 1, 2, padded.segments[1]);
  Problem second(padded);
  second.run();
  for (std::size_t i = 0; i < first.outputs().size(); ++i) {
    EXPECT_TRUE(first.outputs()[i]->has_same_bits(*second.outputs()[i])) << "output " << i;
  }
}

TEST_P(CausalAttentionCuda, GivesASegmentTheSameBitsWhateverItsNeighbours) {
  Problem packed(GetParam());
  packed.run();
  Case alone = GetParam();
  const std::int32_t begin = alone.segments[1];
  const std::int32_t length = alone.segments[2] - begin;
  alone.segments = {0, length};
  Problem single(alone, begin);
  single.run();
  const auto expect_part = [&](const Array& part, const Array& whole, const char* name) {
    const std::int64_t width = whole.size() / packed.tokens;
    for (std::int64_t i = 0; i < part.size(); ++i) {
      ASSERT_EQ(part[i], whole[begin * width + i]) << name << " " << i;
    }
  };
  expect_part(single.y, packed.y, "y");
  expect_part(single.d_q, packed.d_q, "d_q");
  expect_part(single.d_k, packed.d_k, "d_k");
  expect_part(single.d_v, packed.d_v, "d_v");
}

INSTANTIATE_TEST_SUITE_P(Cases,
                         CausalAttentionCuda,
                         testing::Values(Case{{0, 130, 203, 233}, 4, 2, 32, 0, DType::kF32},
                                         Case{{0, 130, 203, 233}, 4, 2, 32, 0, DType::kBF16},
                                         Case{{0, 1, 65, 129, 140}, 2, 2, 64, 0, DType::kBF16},
                                         Case{{0, 64, 128}, 3, 1, 64, 0, DType::kF32},
                                         Case{{0, 20, 119, 119, 150}, 2, 1, 8, 33, DType::kF32},
                                         Case{{0, 20, 119, 119, 150}, 2, 1, 16, 70, DType::kBF16},
                                         Case{{0, 33, 100}, 2, 1, 128, 0, DType::kBF16},
                                         Case{{0, 33, 100}, 2, 1, 80, 9, DType::kF32},
                                         Case{{0, 30, 70}, 1, 1, 256, 0, DType::kBF16},
                                         Case{{0, 30, 70}, 1, 1, 200, 0, DType::kF32}),
                         name_of_case);

TEST(CausalAttentionCudaArguments, AreChecked) {
  Problem problem({{0, 8}, 2, 1, 16, 0, DType::kF32});
  kernels::CausalAttentionForward args = problem.forward();
  args.head_dim = 264;
  EXPECT_THROW(kernels::causal_attention_forward_cuda(args, {}), InvalidArgument);
  args = problem.forward();
  args.kv_heads = 3;
  EXPECT_THROW(kernels::causal_attention_forward_cuda(args, {}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
