#include "longhaul/core/thread_pool.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace longhaul {
namespace {

TEST(FunctionRef, ACopyCallsTheObjectAndNotTheOriginal) {
  int first = 0;
  int second = 0;
  const auto count_first = [&first] { ++first; };
  const auto count_second = [&second] { ++second; };
  FunctionRef<void()> original(count_first);
  const FunctionRef<void()> copy(original);
  original = FunctionRef<void()>(count_second);
  copy();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
}

class ThreadPoolSize : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolSize, RunsEveryIterationOnce) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 200; ++round) {
    std::vector<int> hits(1 + round, 0);
    pool.parallel_for(static_cast<std::int64_t>(hits.size()),
                      [&](std::int64_t i, int) { ++hits[static_cast<std::size_t>(i)]; });
    for (const int hit : hits) ASSERT_EQ(hit, 1);
  }
}

TEST_P(ThreadPoolSize, RethrowsTheErrorAndStaysUsable) {
  ThreadPool pool(GetParam());
  EXPECT_THROW(pool.parallel_for(100,
                                 [](std::int64_t i, int) {
                                   if (i == 17) throw std::runtime_error("17");
                                 }),
               std::runtime_error);
  std::atomic<int> count{0};
  pool.parallel_for(100, [&](std::int64_t, int) { ++count; });
  EXPECT_EQ(count, 100);
}

TEST_P(ThreadPoolSize, NumbersItsWorkersFromZero) {
  ThreadPool pool(GetParam());
  std::atomic<bool> is_valid{true};
  pool.parallel_for(1000, [&](std::int64_t, int worker) {
    if (worker < 0 || worker >= pool.size()) is_valid = false;
  });
  EXPECT_TRUE(is_valid);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolSize, testing::Values(1, 2, 3, 12));

}  // namespace
}  // namespace longhaul
