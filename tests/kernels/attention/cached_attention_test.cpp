#include "kernels/attention/cached_attention.h"

#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/attention/causal_attention.h"
#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

struct Case {
  std::int64_t length;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t window;
  DType dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return case_name({c.length, c.heads, c.kv_heads, c.head_dim, c.window}, c.dtype);
}

std::vector<Array> run_attention(const Case& c, const KernelTable& table, const Launch& launch) {
  const Array q(c.dtype, normal_values(c.heads * c.head_dim, 1));
  const Array keys(c.dtype, normal_values(c.length * c.kv_heads * c.head_dim, 2));
  const Array values(c.dtype, normal_values(c.length * c.kv_heads * c.head_dim, 3));
  Array y = Array::filled(c.dtype, c.heads * c.head_dim, 7.0F);
  Array scratch = Array::filled(
      DType::kF32, kernels::cached_attention_scratch(c.length, c.heads, c.head_dim) / 4, NAN);
  call(table.cached_attention,
       {.q = q.data(),
        .keys = keys.data(),
        .values = values.data(),
        .y = y.data(),
        .scratch = scratch.floats(),
        .length = c.length,
        .heads = c.heads,
        .kv_heads = c.kv_heads,
        .head_dim = c.head_dim,
        .window = c.window,
        .scale = 0.5F,
        .dtype = c.dtype},
       launch);
  return {y};
}

TEST(CachedAttentionKernel, WeighsValuesByTheSoftmaxOfTheScores) {
  Array q(DType::kF32, {1.0F});
  Array keys(DType::kF32, {0.0F, std::log(3.0F)});  // weights 1/4 and 3/4
  Array values(DType::kF32, {8.0F, 4.0F});
  const KernelRun run = [&](const KernelTable& table, const Launch& launch) {
    Array y = Array::filled(DType::kF32, 1, 0.0F);
    Array scratch = Array::filled(DType::kF32, 3, NAN);
    call(table.cached_attention,
         {q.data(),
          keys.data(),
          values.data(),
          y.data(),
          scratch.floats(),
          2,
          1,
          1,
          1,
          0,
          1.0F,
          DType::kF32},
         launch);
    return std::vector<Array>{y};
  };
  for (const Body& body : available_bodies()) {
    EXPECT_FLOAT_EQ(run_with(body, 1, run)[0][0], 5.0F) << body.name;
  }
}

TEST(CachedAttentionKernel, IsTheLastRowOfCausalAttention) {
  constexpr std::int64_t kTokens = 9;
  const Case c{kTokens, 4, 2, 8, 5, DType::kF32};
  const Array all_q(DType::kF32, normal_values(kTokens * 4 * 8, 4));
  Array q(DType::kF32, normal_values(4 * 8, 1));
  Array k(DType::kF32, normal_values(kTokens * 2 * 8, 2));
  Array v(DType::kF32, normal_values(kTokens * 2 * 8, 3));
  std::vector<float> packed = all_q.values();
  for (std::int64_t i = 0; i < 32; ++i) {
    packed[static_cast<std::size_t>((kTokens - 1) * 32 + i)] = q[i];
  }
  const Array packed_q(DType::kF32, packed);
  Array y = Array::filled(DType::kF32, kTokens * 32, 0.0F);
  Array lse = Array::filled(DType::kF32, 4 * kTokens, 0.0F);
  const std::int32_t segments[] = {0, kTokens};
  kernels::causal_attention_forward_reference({packed_q.data(),
                                               k.data(),
                                               v.data(),
                                               segments,
                                               y.data(),
                                               lse.floats(),
                                               kTokens,
                                               1,
                                               4,
                                               2,
                                               8,
                                               5,
                                               0.5F,
                                               DType::kF32});
  const std::vector<Array> actual =
      run_reference([&](const KernelTable& table, const Launch& launch) {
        return run_attention(c, table, launch);
      });
  for (std::int64_t i = 0; i < 32; ++i) {
    EXPECT_NEAR(actual[0][i], y[(kTokens - 1) * 32 + i], 1e-6F) << "element " << i;
  }
}

class CachedAttentionShape : public testing::TestWithParam<Case> {};

TEST_P(CachedAttentionShape, AgreesWithTheReference) {
  // A convex combination of values of size up to 5 with weights of a few ulp, one rounding.
  expect_close_to_reference(
      [&](const KernelTable& table, const Launch& launch) {
        return run_attention(GetParam(), table, launch);
      },
      [](float expected) {
        return 256.0F * 0x1p-24F + 2.0F * unit_roundoff(GetParam().dtype) * std::abs(expected);
      });
}

TEST_P(CachedAttentionShape, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  expect_same_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    return run_attention(GetParam(), table, launch);
  });
}

// One key; part of a chunk; a whole chunk; several chunks; windows that begin inside a chunk, on
// its edge, and that are longer than the cache.
INSTANTIATE_TEST_SUITE_P(Shapes,
                         CachedAttentionShape,
                         testing::Values(Case{1, 2, 1, 16, 0, DType::kF32},
                                         Case{77, 9, 3, 64, 0, DType::kBF16},
                                         Case{256, 2, 2, 40, 0, DType::kF32},
                                         Case{700, 6, 2, 64, 0, DType::kBF16},
                                         Case{700, 2, 1, 64, 300, DType::kF32},
                                         Case{512, 2, 1, 64, 256, DType::kF32},
                                         Case{300, 2, 1, 64, 1000, DType::kBF16}),
                         name_of_case);

TEST(CachedAttentionKernel, RefusesHeadsThatTheKeyHeadsDoNotDivide) {
  kernels::CachedAttention args{};
  args.length = 1;
  args.heads = 3;
  args.kv_heads = 2;
  args.head_dim = 8;
  args.dtype = DType::kF32;
  EXPECT_THROW(kernels::host_kernels().cached_attention(args, {nullptr, nullptr}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
