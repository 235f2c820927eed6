#include "kernels/loss/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::kNoTarget;
using kernels::Launch;

struct Case {
  std::int64_t rows;
  std::int64_t vocabulary;
  DType dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return case_name({c.rows, c.vocabulary}, c.dtype);
}

Shared<std::int32_t> make_targets(const Case& c) {
  Shared<std::int32_t> targets;
  for (std::int64_t r = 0; r < c.rows; ++r) {
    targets.push_back(r % 4 == 3 ? kNoTarget : static_cast<std::int32_t>(r * 31 % c.vocabulary));
  }
  return targets;
}

// Loss and gradient (the logits in forward-only mode) of the whole vocabulary at once.
std::vector<Array> run_whole(const Case& c,
                             bool is_forward_only,
                             const KernelTable& table,
                             const Launch& launch) {
  Array logits(c.dtype, normal_values(c.rows * c.vocabulary, 1, 5.0F));
  const Shared<std::int32_t> targets = make_targets(c);
  Array scale(DType::kF32, {0.125F});
  Array loss = Array::filled(DType::kF32, c.rows, 7.0F);
  call(table.cross_entropy,
       {.logits = logits.data(),
        .targets = targets.data(),
        .scale = scale.floats(),
        .loss = loss.floats(),
        .rows = c.rows,
        .vocabulary = c.vocabulary,
        .is_forward_only = is_forward_only,
        .dtype = c.dtype},
       launch);
  return {loss, logits};
}

// The same with the vocabulary cut into tiles of `columns`.
std::vector<Array> run_tiled(const Case& c,
                             std::int64_t columns,
                             const KernelTable& table,
                             const Launch& launch) {
  const std::vector<float> all =
      Array(c.dtype, normal_values(c.rows * c.vocabulary, 1, 5.0F)).values();
  const Shared<std::int32_t> targets = make_targets(c);
  Array scale(DType::kF32, {0.125F});
  Array maximum = Array::filled(DType::kF32, c.rows, NAN);
  Array sum = Array::filled(DType::kF32, c.rows, NAN);
  Array target_logit = Array::filled(DType::kF32, c.rows, NAN);
  Array loss = Array::filled(DType::kF32, c.rows, 7.0F);
  std::vector<Array> tiles;
  for (std::int64_t first = 0; first < c.vocabulary; first += columns) {
    const std::int64_t width = std::min(columns, c.vocabulary - first);
    std::vector<float> tile;
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const auto row = all.begin() + r * c.vocabulary + first;
      tile.insert(tile.end(), row, row + width);
    }
    tiles.emplace_back(c.dtype, tile);
    call(table.log_sum_exp_tile,
         {tiles.back().data(),
          targets.data(),
          maximum.floats(),
          sum.floats(),
          target_logit.floats(),
          c.rows,
          width,
          first,
          c.dtype},
         launch);
  }
  call(table.cross_entropy_loss,
       {maximum.floats(),
        sum.floats(),
        target_logit.floats(),
        targets.data(),
        loss.floats(),
        c.rows},
       launch);
  std::vector<float> gradient(all.size());
  for (std::size_t k = 0; k < tiles.size(); ++k) {
    const std::int64_t first = static_cast<std::int64_t>(k) * columns;
    const std::int64_t width = tiles[k].size() / c.rows;
    call(table.cross_entropy_gradient_tile,
         {tiles[k].data(),
          targets.data(),
          maximum.floats(),
          sum.floats(),
          scale.floats(),
          c.rows,
          width,
          first,
          c.dtype},
         launch);
    for (std::int64_t i = 0; i < tiles[k].size(); ++i) {
      gradient[static_cast<std::size_t>(i / width * c.vocabulary + first + i % width)] =
          tiles[k][i];
    }
  }
  return {loss, Array(c.dtype, gradient)};
}

// Four tiles and a short one.
std::int64_t tile_of(const Case& c) {
  return std::max<std::int64_t>(1, c.vocabulary / 4 - 3);
}

std::function<float(float)> tolerance(const Case& c) {
  // Sums of `vocabulary` positive fp32 terms of 1 ulp each, in lanes; one rounding. Gradients are
  // at most scale = 1 / 8, losses about 10.
  return [=](float expected) {
    return (2.0F * unit_roundoff(c.dtype) + 16.0F * 0x1p-24F) * std::abs(expected) + 4e-7F;
  };
}

TEST(CrossEntropyKernel, IsTheEquationOnThreeLogits) {
  // Softmax of log 1, log 2, log 5 is 1/8, 2/8, 5/8.
  const std::vector<float> logits = {0.0F, std::log(2.0F), std::log(5.0F)};
  Shared<std::int32_t> targets{1};
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      Array z(DType::kF32, logits);
      Array scale(DType::kF32, {2.0F});
      Array loss = Array::filled(DType::kF32, 1, 7.0F);
      call(t.cross_entropy,
           {z.data(), targets.data(), scale.floats(), loss.floats(), 1, 3, false, DType::kF32},
           l);
      return std::vector<Array>{loss, z};
    });
    EXPECT_FLOAT_EQ(out[0][0], std::log(4.0F)) << body.name;
    EXPECT_FLOAT_EQ(out[1][0], 0.25F) << body.name;
    EXPECT_FLOAT_EQ(out[1][1], -1.5F) << body.name;
    EXPECT_FLOAT_EQ(out[1][2], 1.25F) << body.name;
  }
}

class CrossEntropy : public testing::TestWithParam<Case> {};

TEST_P(CrossEntropy, AgreesWithTheReference) {
  expect_close_to_reference(
      [](const KernelTable& table, const Launch& launch) {
        return run_whole(GetParam(), false, table, launch);
      },
      tolerance(GetParam()));
}

TEST_P(CrossEntropy, TiledOverTheVocabularyAgreesWithTheReferenceOfTheWhole) {
  const std::vector<Array> expected = run_reference(
      [](const KernelTable& t, const Launch& l) { return run_whole(GetParam(), false, t, l); });
  for (const Body& body : available_bodies()) {
    const std::vector<Array> actual = run_with(body, 2, [](const KernelTable& t, const Launch& l) {
      return run_tiled(GetParam(), tile_of(GetParam()), t, l);
    });
    for (std::size_t k = 0; k < 2; ++k) {
      for (std::int64_t i = 0; i < expected[k].size(); ++i) {
        ASSERT_NEAR(actual[k][i], expected[k][i], tolerance(GetParam())(expected[k][i]))
            << body.name << ": output " << k << ", element " << i;
      }
    }
  }
}

TEST_P(CrossEntropy, HasTheBitsOfOneTileThatHoldsTheVocabulary) {
  const Case c = GetParam();
  std::vector<Body> bodies = available_bodies();
  bodies.push_back({"reference", &kernels::reference_kernels()});
  for (const Body& body : bodies) {
    const std::vector<Array> whole = run_with(
        body, 2, [&](const KernelTable& t, const Launch& l) { return run_whole(c, false, t, l); });
    const std::vector<Array> tiled = run_with(body, 2, [&](const KernelTable& t, const Launch& l) {
      return run_tiled(c, c.vocabulary, t, l);
    });
    EXPECT_TRUE(whole[0].has_same_bits(tiled[0])) << body.name;
    EXPECT_TRUE(whole[1].has_same_bits(tiled[1])) << body.name;
  }
}

TEST_P(CrossEntropy, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  expect_same_bits_everywhere([](const KernelTable& table, const Launch& launch) {
    return run_whole(GetParam(), false, table, launch);
  });
  expect_same_bits_everywhere([](const KernelTable& table, const Launch& launch) {
    return run_tiled(GetParam(), tile_of(GetParam()), table, launch);
  });
}

TEST_P(CrossEntropy, LeavesTheLogitsWhenForwardOnly) {
  const Case c = GetParam();
  const Array logits(c.dtype, normal_values(c.rows * c.vocabulary, 1, 5.0F));
  for (const Body& body : available_bodies()) {
    const auto run = [&](bool is_forward_only) {
      return run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
        return run_whole(c, is_forward_only, t, l);
      });
    };
    EXPECT_TRUE(run(true)[1].has_same_bits(logits)) << body.name;
    EXPECT_TRUE(run(true)[0].has_same_bits(run(false)[0])) << body.name;
  }
}

TEST_P(CrossEntropy, GivesRowsWithoutATargetNoLossAndNoGradient) {
  const Case c = GetParam();
  const Shared<std::int32_t> targets = make_targets(c);
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(
        body, 1, [&](const KernelTable& t, const Launch& l) { return run_whole(c, false, t, l); });
    for (std::int64_t r = 0; r < c.rows; ++r) {
      if (targets[static_cast<std::size_t>(r)] != kNoTarget) continue;
      EXPECT_EQ(out[0][r], 0.0F) << body.name;
      for (std::int64_t v = 0; v < c.vocabulary; ++v) {
        ASSERT_EQ(out[1][r * c.vocabulary + v], 0.0F) << body.name;
      }
    }
  }
}

// One column, a tail, several accumulators, the size of a real vocabulary's tail.
INSTANTIATE_TEST_SUITE_P(Shapes,
                         CrossEntropy,
                         testing::Values(Case{4, 1, DType::kF32},
                                         Case{9, 333, DType::kF32},
                                         Case{9, 333, DType::kBF16},
                                         Case{4, 5001, DType::kBF16}),
                         name_of_case);

TEST(CrossEntropyKernel, StaysExactForLogitsThatWouldOverflowExp) {
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [](const KernelTable& t, const Launch& l) {
      Array z(DType::kF32, {1000.0F, 1000.0F, -1000.0F, 1000.0F});
      Shared<std::int32_t> targets{0, 1};
      Array scale(DType::kF32, {1.0F});
      Array loss = Array::filled(DType::kF32, 2, 7.0F);
      call(t.cross_entropy,
           {z.data(), targets.data(), scale.floats(), loss.floats(), 2, 2, false, DType::kF32},
           l);
      return std::vector<Array>{loss, z};
    });
    EXPECT_FLOAT_EQ(out[0][0], std::log(2.0F)) << body.name;
    EXPECT_EQ(out[0][1], 0.0F) << body.name;
    EXPECT_THAT(out[1].values(), testing::ElementsAre(-0.5F, 0.5F, 0.0F, 0.0F)) << body.name;
  }
}

TEST(CrossEntropyKernel, HasANanLossWhereALogitIsNan) {
  for (const Body& body : available_bodies()) {
    for (std::int64_t at = 0; at < 40; ++at) {
      const std::vector<Array> out = run_with(body, 1, [=](const KernelTable& t, const Launch& l) {
        Array z = Array::filled(DType::kF32, 40, 1.0F);
        z.floats()[at] = NAN;
        Shared<std::int32_t> targets{3};
        Array scale(DType::kF32, {1.0F});
        Array loss = Array::filled(DType::kF32, 1, 7.0F);
        call(t.cross_entropy,
             {z.data(), targets.data(), scale.floats(), loss.floats(), 1, 40, true, DType::kF32},
             l);
        return std::vector<Array>{loss};
      });
      EXPECT_TRUE(std::isnan(out[0][0])) << body.name << ", logit " << at;
    }
  }
}

TEST(CrossEntropyKernel, RefusesToMakeGradientsWithoutAScale) {
  float logits = 0.0F;
  std::int32_t target = 0;
  float loss = 0.0F;
  const kernels::CrossEntropy args{&logits, &target, nullptr, &loss, 1, 1, false, DType::kF32};
  EXPECT_THROW(kernels::host_kernels().cross_entropy(args, {nullptr, nullptr}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
