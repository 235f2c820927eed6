#include "kernels/optim/gradient_norm.h"

#include <cmath>

#include <gmock/gmock.h>

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::kNormChunk;
using kernels::Launch;

struct Chunks {
  Shared<double> sums;
  Shared<std::int64_t> nonfinite;

  bool operator==(const Chunks&) const = default;
};

Chunks chunks_with(const Body& body, int threads, const Array& x) {
  const auto count = static_cast<std::size_t>(kernels::chunk_count(x.size(), kNormChunk));
  Chunks chunks{Shared<double>(count, 7.0), Shared<std::int64_t>(count, 7)};
  run_with(body, threads, [&](const KernelTable& table, const Launch& launch) {
    call(table.sum_of_squares,
         {x.data(), chunks.sums.data(), chunks.nonfinite.data(), x.size(), x.dtype()},
         launch);
    return std::vector<Array>{};
  });
  return chunks;
}

const Body kReference{"reference", &kernels::reference_kernels()};

TEST(SumOfSquares, IsExactWhereFp32WouldNotBe) {
  const Array x(DType::kF32, {1.0F, 0x1p-20F, 0x1p60F, 0.0F});
  for (const Body& body : available_bodies()) {
    EXPECT_EQ(chunks_with(body, 1, Array(DType::kF32, {1.0F, 0x1p-20F})).sums[0], 1.0 + 0x1p-40);
    EXPECT_EQ(chunks_with(body, 1, Array(DType::kF32, {0x1p100F})).sums[0], 0x1p200);
    EXPECT_EQ(chunks_with(body, 1, Array(DType::kF32, {0x1p-149F})).sums[0], 0x1p-298);
  }
}

TEST(SumOfSquares, GivesTheBitsOfTheReferenceForAnyThreads) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const std::int64_t count : {std::int64_t{1}, std::int64_t{100}, 2 * kNormChunk + 77}) {
      const Array x(dtype, normal_values(count, 1));
      const Chunks expected = chunks_with(kReference, 1, x);
      for (const Body& body : available_bodies()) {
        for (const int threads : {1, 2, 12, 16}) {
          EXPECT_EQ(chunks_with(body, threads, x), expected) << body.name << ", " << count;
        }
      }
    }
  }
}

TEST(SumOfSquares, CountsNumbersThatAreNotFinite) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    std::vector<float> values(100, 1.0F);
    values[3] = NAN;
    values[50] = INFINITY;
    values[99] = -INFINITY;
    const Array x(dtype, values);
    for (const Body& body : available_bodies()) {
      const Chunks chunks = chunks_with(body, 1, x);
      EXPECT_EQ(chunks.nonfinite[0], 3) << body.name;
      EXPECT_FALSE(std::isfinite(chunks.sums[0])) << body.name;
    }
  }
}

TEST(FoldSums, AddsChunksInIndexOrder) {
  const Shared<double> sums{1.0, 0x1p60, -0x1p60, 0.5};  // ((1 + 2^60) - 2^60) + 0.5
  const Shared<std::int64_t> nonfinite{1, 0, 2, 4};
  std::vector<Body> bodies = available_bodies();
  bodies.push_back(kReference);
  for (const Body& body : bodies) {
    Shared<double> sum{7.0};
    Shared<std::int64_t> nonfinite_sum{7};
    run_with(body, 1, [&](const KernelTable& table, const Launch& launch) {
      call(table.fold_sums,
           {sums.data(), nonfinite.data(), sum.data(), nonfinite_sum.data(), 4},
           launch);
      return std::vector<Array>{};
    });
    EXPECT_EQ(sum[0], 0.5) << body.name;
    EXPECT_EQ(nonfinite_sum[0], 7) << body.name;
  }
}

}  // namespace
}  // namespace longhaul::test
