#include "kernels/elementwise/add.h"

#include <cmath>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

TEST(AddKernel, RoundsTheFp32SumOnceToNearestEven) {
  // bf16 has 8 bits: 1 + 2^-8 is half way between 1 and 1 + 2^-7, 1 + 3 * 2^-8 between odd and
  // even.
  Array a(DType::kBF16, {1.0F, 1.0F + 0x1p-7F, 1.0F});
  Array b(DType::kBF16, {0x1p-8F, 0x1p-8F, -1.0F});
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      Array y = Array::filled(DType::kBF16, 3, 7.0F);
      call(t.add, {a.data(), b.data(), y.data(), 3, DType::kBF16}, l);
      return std::vector<Array>{y};
    });
    EXPECT_THAT(out[0].values(), testing::ElementsAre(1.0F, 1.0F + 0x1p-6F, 0.0F)) << body.name;
  }
}

TEST(AddKernel, GivesTheBitsOfTheReferenceAlsoInPlace) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    expect_reference_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
      Array a(dtype, normal_values(40001, 1));
      const Array b(dtype, normal_values(40001, 2, 1e-3F));
      call(table.add, {a.data(), b.data(), a.data(), 40001, dtype}, launch);
      return std::vector<Array>{a};
    });
  }
}

TEST(AddKernel, KeepsInfinitiesNansAndDenormals) {
  const KernelRun run = [](const KernelTable& table, const Launch& launch) {
    const Array a(DType::kF32, {INFINITY, INFINITY, NAN, 1e-45F, 0x1p-126F});
    const Array b(DType::kF32, {1.0F, -INFINITY, 0.0F, 1e-45F, -0x1p-127F});
    Array y = Array::filled(DType::kF32, 5, 7.0F);
    call(table.add, {a.data(), b.data(), y.data(), 5, DType::kF32}, launch);
    return std::vector<Array>{y};
  };
  expect_reference_bits_everywhere(run);
  const Array y = run_reference(run)[0];
  EXPECT_EQ(y[0], INFINITY);
  EXPECT_TRUE(std::isnan(y[1]) && std::isnan(y[2]));
  EXPECT_EQ(y[3], 0x1p-148F);
  EXPECT_EQ(y[4], 0x1p-127F);
}

TEST(AddKernel, RefusesANegativeCount) {
  kernels::Add args{};
  args.count = -1;
  args.dtype = DType::kF32;
  EXPECT_THROW(kernels::host_kernels().add(args, {nullptr, nullptr}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
