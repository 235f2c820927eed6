#include "longhaul/run/load_watch.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::Not;

void spin(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) continue;
}

// What a process of its own takes of a core while this one waits.
TEST(LoadWatch, SeesAnotherProcessAndNotThisOne) {
  if (!std::filesystem::exists("/proc/stat")) GTEST_SKIP() << "no /proc/stat on this machine";
  const pid_t other = ::fork();
  if (other == 0) {
    spin(std::chrono::milliseconds(20000));
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const LoadWatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  const OtherLoad load = watch.load();
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  EXPECT_GT(load.others, 0.2);
  EXPECT_GE(load.cores, 1);
  EXPECT_LE(load.others, load.cores);
  EXPECT_TRUE(load.others < 0.05 * load.cores || load.is_much());
}

TEST(InWords, SaysWhoTakesHowMuch) {
  const OtherLoad load{.others = 1.26, .stolen = 0.11, .cores = 2};
  EXPECT_TRUE(load.is_much());
  EXPECT_EQ(in_words(load),
            "other programs keep 1.3 of 2 cores busy, the host of this virtual machine takes 0.1");
  const OtherLoad little{.others = 0.04, .stolen = 0.01, .cores = 2};
  EXPECT_FALSE(little.is_much());
  EXPECT_THAT(in_words(little), Not(HasSubstr("virtual")));
}

}  // namespace
}  // namespace longhaul
