#include "kernels/embedding/embedding.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>

#include "longhaul/core/error.h"

#include "kernels/element.h"
#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

using kernels::KernelTable;
using kernels::Launch;

struct Case {
  std::int64_t tokens;
  std::int64_t width;
  std::int32_t vocabulary;
  DType dtype;
  DType table_dtype;
};

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return case_name({c.tokens, c.width, c.vocabulary}, c.dtype) + "_into_" +
         std::string(name_of(c.table_dtype));
}

// Every third token is id 1, as padding is; the others are spread.
Shared<std::int32_t> make_ids(const Case& c) {
  Shared<std::int32_t> ids;
  for (std::int64_t t = 0; t < c.tokens; ++t) {
    ids.push_back(t % 3 == 0 ? 1 : static_cast<std::int32_t>(t * t * 7 % c.vocabulary));
  }
  return ids;
}

Shared<std::int32_t> sorted_order(const Shared<std::int32_t>& ids) {
  Shared<std::int32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return ids[static_cast<std::size_t>(a)] < ids[static_cast<std::size_t>(b)];
  });
  return order;
}

std::vector<Array> run_backward(const Case& c, const KernelTable& table, const Launch& launch) {
  const Shared<std::int32_t> ids = make_ids(c);
  const Shared<std::int32_t> order = sorted_order(ids);
  const Array d_y(c.dtype, normal_values(c.tokens * c.width, 1));
  Array d_table(c.table_dtype, normal_values(c.vocabulary * c.width, 2));
  call(table.embedding_backward,
       {.d_y = d_y.data(),
        .ids = ids.data(),
        .order = order.data(),
        .d_table = d_table.data(),
        .tokens = c.tokens,
        .width = c.width,
        .dtype = c.dtype,
        .table_dtype = c.table_dtype},
       launch);
  return {d_table};
}

TEST(EmbeddingForward, CopiesTheRowOfEveryId) {
  Array rows(DType::kBF16, {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F});
  Shared<std::int32_t> ids{2, 0, 2};
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      Array y = Array::filled(DType::kBF16, 6, 0.0F);
      call(t.embedding_forward, {rows.data(), ids.data(), y.data(), 3, 2, DType::kBF16}, l);
      return std::vector<Array>{y};
    });
    EXPECT_THAT(out[0].values(), testing::ElementsAre(5, 6, 1, 2, 5, 6)) << body.name;
  }
}

TEST(EmbeddingForward, GivesTheBitsOfTheReference) {
  const Case c{100, 37, 50, DType::kF32, DType::kF32};
  expect_reference_bits_everywhere([&](const KernelTable& table, const Launch& launch) {
    const Shared<std::int32_t> ids = make_ids(c);
    const Array rows(c.dtype, normal_values(c.vocabulary * c.width, 1));
    Array y = Array::filled(c.dtype, c.tokens * c.width, 0.0F);
    call(table.embedding_forward,
         {rows.data(), ids.data(), y.data(), c.tokens, c.width, c.dtype},
         launch);
    return std::vector<Array>{y};
  });
}

TEST(EmbeddingBackward, RoundsTheSumOfAMicroBatchBeforeItIsAdded) {
  // 1 + 2^-8 + 2^-8 is exact in fp32 and in bf16; adding 1 and 2^-8 in bf16 twice would give 1.
  Array d_y(DType::kBF16, {1.0F, 5.0F, 0x1p-8F, 0x1p-8F});
  Shared<std::int32_t> ids{1, 0, 1, 1};
  const Shared<std::int32_t> order = sorted_order(ids);
  for (const Body& body : available_bodies()) {
    const std::vector<Array> out = run_with(body, 1, [&](const KernelTable& t, const Launch& l) {
      Array d_table(DType::kF32, {100.0F, 0x1p-20F, 7.0F});
      call(t.embedding_backward,
           {d_y.data(), ids.data(), order.data(), d_table.data(), 4, 1, DType::kBF16, DType::kF32},
           l);
      return std::vector<Array>{d_table};
    });
    EXPECT_THAT(out[0].values(), testing::ElementsAre(105.0F, 1.0F + 0x1p-7F + 0x1p-20F, 7.0F))
        << body.name;
  }
}

class EmbeddingBackwardShape : public testing::TestWithParam<Case> {};

TEST_P(EmbeddingBackwardShape, GivesTheBitsOfTheReference) {
  expect_reference_bits_everywhere([](const KernelTable& table, const Launch& launch) {
    return run_backward(GetParam(), table, launch);
  });
}

// Runs that cross the borders of position tasks, widths that cross those of column tasks.
INSTANTIATE_TEST_SUITE_P(Shapes,
                         EmbeddingBackwardShape,
                         testing::Values(Case{1, 1, 2, DType::kF32, DType::kF32},
                                         Case{500, 300, 40, DType::kF32, DType::kF32},
                                         Case{500, 300, 40, DType::kBF16, DType::kF32},
                                         Case{500, 130, 400, DType::kBF16, DType::kBF16}),
                         name_of_case);

TEST(EmbeddingBackward, RefusesATableOfLessPrecisionThanTheGradient) {
  kernels::EmbeddingBackward args{};
  args.width = 1;
  args.dtype = DType::kF32;
  args.table_dtype = DType::kBF16;
  EXPECT_THROW(kernels::host_kernels().embedding_backward(args, {nullptr, nullptr}),
               InvalidArgument);
}

}  // namespace
}  // namespace longhaul::test
