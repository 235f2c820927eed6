#include "kernels/optim/accumulate.h"

#include <bit>
#include <cmath>

#include <gmock/gmock.h>

#include "kernels/kernel_test.h"
#include "kernels/optim/gradient_norm.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

TEST(AccumulateKernel, CopiesTheFirstGradientAndAddsTheNextInFp32) {
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [](const KernelTable& t, const Launch& l) {
      const Array first(DType::kBF16, {1.0F, -0.0F});
      const Array second(DType::kBF16, {0x1p-20F, 2.0F});
      Array sum = Array::filled(DType::kF32, 2, NAN);
      call(t.accumulate, {sum.floats(), first.data(), 2, true, DType::kBF16}, l);
      const Array copied = sum;
      call(t.accumulate, {sum.floats(), second.data(), 2, false, DType::kBF16}, l);
      return std::vector<Array>{copied, sum};
    });
    EXPECT_TRUE(out[0].has_same_bits(Array(DType::kF32, {1.0F, -0.0F}))) << body.name;
    EXPECT_THAT(out[1].values(), testing::ElementsAre(1.0F + 0x1p-20F, 2.0F)) << body.name;
  }
}

TEST(AccumulateKernel, GivesTheBitsOfTheReferenceForAnyThreads) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const bool is_first : {true, false}) {
      expect_reference_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
        Array sum(DType::kF32, normal_values(40001, 1));
        const Array gradient(dtype, normal_values(40001, 2));
        call(table.accumulate, {sum.floats(), gradient.data(), 40001, is_first, dtype}, launch);
        return std::vector<Array>{sum};
      });
    }
  }
}

TEST(FinishAccumulation, RoundsTheSumOfAllTermsOnce) {
  // 1 + 2^-8 + 2^-9: each term alone would round away in bf16.
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [](const KernelTable& t, const Launch& l) {
      Array sum(DType::kF32, {1.0F});
      const Array gradient(DType::kBF16, {0x1p-8F});
      Array tied(DType::kF32, {0x1p-9F});
      Array transport = Array::filled(DType::kBF16, 1, 7.0F);
      call(t.finish_accumulation,
           {sum.floats(), gradient.data(), tied.floats(), transport.data(), 1, DType::kBF16},
           l);
      return std::vector<Array>{transport};
    });
    EXPECT_EQ(out[0][0], 1.0F + 0x1p-7F) << body.name;
  }
}

TEST(FinishAccumulation, GivesTheBitsOfTheReferenceWithAndWithoutEachTerm) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (int terms = 0; terms < 4; ++terms) {
      expect_reference_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
        Array sum(DType::kF32, normal_values(5003, 1));
        Array gradient(dtype, normal_values(5003, 2));
        Array tied(DType::kF32, normal_values(5003, 3));
        Array separate = Array::filled(dtype, 5003, 7.0F);
        const bool has_gradient = (terms & 1) != 0;
        Array& transport = has_gradient ? gradient : separate;  // in place where it may be
        call(table.finish_accumulation,
             {sum.floats(),
              has_gradient ? gradient.data() : nullptr,
              (terms & 2) != 0 ? tied.floats() : nullptr,
              transport.data(),
              5003,
              dtype},
             launch);
        return std::vector<Array>{transport};
      });
    }
  }
}

// Several chunks, a short one at the end, and what is not finite.
TEST(FinishAccumulation, MeasuresWhatItRoundsToTheBitsOfASeparatePass) {
  constexpr std::int64_t kCount = 2 * kernels::kNormChunk + 4099;
  constexpr std::size_t kChunks = 3;
  std::vector<Body> bodies = available_bodies();
  bodies.push_back({"reference", &kernels::reference_kernels()});
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const Body& body : bodies) {
      std::vector<float> values = normal_values(kCount, 2);
      values[70000] = INFINITY;
      values[70001] = NAN;
      Shared<double> sums(kChunks, 7.0);
      Shared<std::int64_t> nonfinite(kChunks, 7);
      Shared<double> expected_sums(kChunks);
      Shared<std::int64_t> expected_nonfinite(kChunks);
      run_with(body, 2, [&](const KernelTable& table, const Launch& launch) {
        Array sum(DType::kF32, normal_values(kCount, 1));
        Array gradient(dtype, values);
        call(table.finish_accumulation,
             {sum.floats(),
              gradient.data(),
              nullptr,
              gradient.data(),
              kCount,
              dtype,
              sums.data(),
              nonfinite.data()},
             launch);
        call(table.sum_of_squares,
             {gradient.data(), expected_sums.data(), expected_nonfinite.data(), kCount, dtype},
             launch);
        return std::vector<Array>{gradient};
      });
      for (const std::size_t chunk : {0U, 2U}) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(sums[chunk]),
                  std::bit_cast<std::uint64_t>(expected_sums[chunk]))
            << body.name;
      }
      EXPECT_TRUE(std::isnan(sums[1])) << body.name;
      EXPECT_EQ(nonfinite, expected_nonfinite) << body.name;
      EXPECT_EQ(nonfinite[1], 2) << body.name;
    }
  }
}

}  // namespace
}  // namespace longhaul::test
