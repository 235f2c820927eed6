#include "kernels/transfer/fill.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "kernels/kernel_test.h"

namespace longhaul::test {
namespace {

TEST(FillZero, WritesZerosAndNothingBeyond) {
  for (const Body& body : available_bodies()) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{5}, std::size_t{3} << 20}) {
      Shared<char> memory(bytes + 1, 'x');
      run_with(body, 2, [&](const kernels::KernelTable& table, const kernels::Launch& launch) {
        call(table.fill_zero, {memory.data(), static_cast<std::int64_t>(bytes)}, launch);
        return std::vector<Array>{};
      });
      EXPECT_EQ(memory.back(), 'x') << body.name;
      memory.pop_back();
      EXPECT_EQ(std::count(memory.begin(), memory.end(), '\0'), memory.size()) << body.name;
    }
  }
}

}  // namespace
}  // namespace longhaul::test
