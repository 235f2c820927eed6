// How the executor feeds lanes that run on queues of the device.
#include <atomic>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/runtime/executor.h"

#include "runtime/queued_device.h"
#include "runtime/script.h"
#include "support/temporary_folder.h"

namespace longhaul::test {
namespace {

constexpr auto kPause = std::chrono::milliseconds(30);

class ExecutorQueue : public testing::TestWithParam<bool> {  // the device has counters
 protected:
  std::unique_ptr<Device> device_ =
      make_queued_device({.device_memory = 1_MiB, .host_memory = 1_MiB}, GetParam());
};

// A host op that takes a while, then 60 ops of compute after it.
TEST_P(ExecutorQueue, RunsAheadOfAHostLaneByABoundedNumberOfOps) {
  std::atomic<int> enqueued{0};
  std::atomic<int> enqueued_early{0};
  Script script;
  OpId produced = script.add(Lane::kHost, {}, {}, [&](Device&, Lane, const OpAddresses&) {
    std::this_thread::sleep_for(kPause);
    enqueued_early = enqueued.load();
  });
  for (int i = 0; i < 60; ++i) {
    script.add(Lane::kCompute,
               {},
               {},
               [&](Device&, Lane, const OpAddresses&) { ++enqueued; },
               {{produced}});
  }
  const PlacedSchedule placed = place(script.schedule());

  Executor(placed, *device_, script).run();

  EXPECT_EQ(enqueued, 60);
  if (GetParam()) {
    EXPECT_GT(enqueued_early, 4);
    EXPECT_LT(enqueued_early, 60);
  } else {
    EXPECT_EQ(enqueued_early, 0);
  }
}

TEST_P(ExecutorQueue, ReportsAnErrorThatAQueueMeetsLater) {
  bool fails = true;
  Script script;
  const OpId op = script.add(Lane::kCompute, {}, {}, [&](Device& device, Lane lane, const auto&) {
    static_cast<TaskQueue*>(device.stream(lane))->enqueue([&fails] {
      std::this_thread::sleep_for(kPause);
      if (fails) throw DeviceError("illegal address");
    });
  });
  script.add(Lane::kHost, {}, {}, {}, {{op}});
  const PlacedSchedule placed = place(script.schedule());
  Executor executor(placed, *device_, script);
  try {
    executor.run();
    FAIL() << "the error was lost";
  } catch (const DeviceError& error) {
    EXPECT_STREQ(error.what(), "forward node 0 of block 0 on lane compute: illegal address");
  }
  fails = false;
  EXPECT_NO_THROW(executor.run());
}

TEST_P(ExecutorQueue, MeasuresWhenTheOpsRanAndNotWhenTheyWereEnqueued) {
  Script script;
  const auto pause = [](Device& device, Lane lane, const OpAddresses&) {
    static_cast<TaskQueue*>(device.stream(lane))->enqueue([] {
      std::this_thread::sleep_for(kPause);
    });
  };
  script.add(Lane::kCompute, {}, {}, pause);
  script.add(Lane::kCompute, {}, {}, pause);
  const PlacedSchedule placed = place(script.schedule());
  Executor executor(placed, *device_, script);

  const Timeline& timeline = executor.run();

  const double pause_seconds = std::chrono::duration<double>(kPause).count();
  for (const Interval& op : timeline.ops) EXPECT_GE((op.end - op.start).value, pause_seconds);
  EXPECT_GE(timeline.ops[1].start, timeline.ops[0].end);
  EXPECT_GE(makespan(timeline).value, 2 * pause_seconds);
}

TEST_P(ExecutorQueue, RefusesToCopyToTheDiskFromAQueue) {
  const TemporaryFolder folder;
  const auto device = make_queued_device(
      {.device_memory = 1_MiB, .disk = 1_MiB, .disk_folders = {{folder.path(), 2_MiB}}},
      GetParam());
  Script script;
  const BufferId slot = script.buffer(Tier::kDevice, 64_KiB);
  const BufferId stored = script.buffer(Tier::kDisk, 64_KiB);
  script.copy(Lane::kD2h, stored, slot);
  const PlacedSchedule placed = place(script.schedule());
  EXPECT_THROW(Executor(placed, *device, script), InvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Counters, ExecutorQueue, testing::Bool(), [](const auto& test) {
  return test.param ? "With" : "Without";
});

}  // namespace
}  // namespace longhaul::test
