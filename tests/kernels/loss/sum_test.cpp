#include "kernels/loss/sum.h"

#include <gmock/gmock.h>

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

double sum_with(const Body& body, int threads, const Array& x) {
  Shared<double> scratch(static_cast<std::size_t>(kernels::sum_scratch(x.size()) / 8));
  Shared<double> sum{7.0};
  run_with(body, threads, [&](const KernelTable& table, const Launch& launch) {
    call(table.sum,
         {static_cast<const float*>(x.data()), scratch.data(), sum.data(), x.size()},
         launch);
    return std::vector<Array>{};
  });
  return sum[0];
}

TEST(SumKernel, AddsInFp64) {
  const Array x(DType::kF32, {0x1p30F, 1.0F, 0x1p-20F, -0x1p30F});
  for (const Body& body : available_bodies()) {
    EXPECT_EQ(sum_with(body, 1, x), 1.0 + 0x1p-20) << body.name;
  }
}

TEST(SumKernel, IsZeroForNoNumbers) {
  for (const Body& body : available_bodies()) {
    EXPECT_EQ(sum_with(body, 1, Array()), 0.0) << body.name;
  }
}

TEST(SumKernel, GivesTheBitsOfTheReferenceForAnyThreads) {
  for (const std::int64_t count : {1, 17, 4096, 4097, 50003}) {
    const Array x(DType::kF32, normal_values(count, 1));
    const double expected = sum_with({"reference", &kernels::reference_kernels()}, 1, x);
    for (const Body& body : available_bodies()) {
      for (const int threads : {1, 2, 12, 16}) {
        EXPECT_EQ(sum_with(body, threads, x), expected) << body.name << ", " << threads;
      }
    }
  }
}

}  // namespace
}  // namespace longhaul::test
