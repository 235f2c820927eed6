#include "longhaul/core/signal.h"

#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace longhaul {
namespace {

using namespace std::chrono_literals;

TEST(Signal, DoesNotWaitForWhatHasHappened) {
  Signal signal;
  signal.raise();
  signal.wait_while(0);
  EXPECT_EQ(signal.value(), 1U);
}

TEST(Signal, WakesEveryoneWhoSleeps) {
  Signal signal;
  std::atomic<int> awake{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      signal.wait_while(0);
      ++awake;
    });
  }
  std::this_thread::sleep_for(20ms);  // until they sleep
  EXPECT_EQ(awake, 0);
  signal.raise();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(awake, 4);
}

// A wake-up that is lost between the look and the sleep would hang here.
TEST(Signal, LosesNoWakeUp) {
  constexpr std::uint32_t kRounds = 20'000;
  std::array<Signal, 2> signals;
  std::thread other([&] {
    for (std::uint32_t i = 0; i < kRounds; ++i) {
      signals[0].wait_while(i);
      signals[1].raise();
    }
  });
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    signals[0].raise();
    signals[1].wait_while(i);
  }
  other.join();
  EXPECT_EQ(signals[1].value(), kRounds);
}

TEST(Signal, SpinsForAboutTheTimeGiven) {
  EXPECT_TRUE(spin_until(0us, [] { return true; }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(spin_until(500us, [] { return false; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 500us);
}

}  // namespace
}  // namespace longhaul
