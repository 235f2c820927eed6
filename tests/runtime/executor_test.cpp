#include "longhaul/runtime/executor.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Ops on every lane, each waiting for the one before it on another lane and for one two back.
Schedule ladder(int length) {
  Schedule schedule;
  for (int i = 0; i < length; ++i) {
    Op op{.kind = OpKind::kForward,
          .lane = static_cast<Lane>(i % static_cast<int>(kLaneCount)),
          .node = NodeId{i},
          .block = BlockId{i / 10}};
    std::vector<OpId> after;
    if (i > 0) after.push_back(OpId{i - 1});
    if (i > 1) after.push_back(OpId{i - 2});
    schedule.add(op, after);
  }
  return schedule;
}

// Notes the order in which ops run; fails at one of them.
class NotingTable final : public OpTable {
 public:
  mutable std::vector<int> order;
  mutable std::atomic<int> failing{-1};

  OpBody bind(const Op& op, const OpAddresses&, Device&) const override {
    return [this, node = op.node.value] {
      if (node == failing.load()) throw InvalidArgument("injected");
      order.push_back(node);  // safe: the ladder is a chain
    };
  }
};

std::unique_ptr<Device> small_device() {
  return make_host_device({.device_memory = 1_MiB, .host_memory = 1_MiB});
}

TEST(Executor, RunsAChainAcrossLanesInOrder) {
  const PlacedSchedule placed = place(ladder(60));
  const auto device = small_device();
  const NotingTable table;
  Executor executor(placed, *device, table);

  for (int pass = 0; pass < 20; ++pass) executor.run();

  ASSERT_EQ(table.order.size(), 20U * 60U);
  for (std::size_t i = 0; i < table.order.size(); ++i)
    ASSERT_EQ(table.order[i], static_cast<int>(i % 60));
}

TEST(Executor, StopsAtAFailureOfAnyOpAndRunsAgain) {
  const PlacedSchedule placed = place(ladder(30));
  const auto device = small_device();
  const NotingTable table;
  Executor executor(placed, *device, table);
  for (int op = 0; op < 30; ++op) {
    table.failing = op;
    table.order.clear();
    try {
      executor.run();
      FAIL() << "op " << op << " did not fail";
    } catch (const DeviceError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find("node " + std::to_string(op)), std::string::npos) << what;
      EXPECT_NE(what.find("block " + std::to_string(op / 10)), std::string::npos) << what;
      EXPECT_NE(what.find("lane"), std::string::npos) << what;
      EXPECT_NE(what.find("injected"), std::string::npos) << what;
    }
    EXPECT_EQ(table.order.size(), static_cast<std::size_t>(op));
  }
  table.failing = -1;
  table.order.clear();
  executor.run();
  EXPECT_EQ(table.order.size(), 30U);
}

TEST(Executor, CopiesBetweenTheArenas) {
  Schedule schedule;
  const BufferId host = schedule.add_buffer({"host", Tier::kHost, 4_KiB, true});
  const BufferId slot = schedule.add_buffer({"slot", Tier::kDevice, 4_KiB, false});
  const BufferId back = schedule.add_buffer({"back", Tier::kHost, 4_KiB, true});
  Op up{.kind = OpKind::kCopy, .lane = Lane::kH2d};
  up.reads = {{host, {}, 4_KiB}};
  up.writes = {{slot, {}, 4_KiB}};
  const OpId uploaded = schedule.add(up);
  Op down{.kind = OpKind::kCopy, .lane = Lane::kD2h};
  down.reads = {{slot, {}, 4_KiB}};
  down.writes = {{back, {}, 4_KiB}};
  schedule.add(down, {{uploaded}});
  const PlacedSchedule placed = place(std::move(schedule));
  const auto device = small_device();
  std::byte* memory = device->base(Tier::kHost);
  memory[placed.offsets[0].count + 17] = std::byte{42};
  const NotingTable table;

  Executor(placed, *device, table).run();

  EXPECT_EQ(memory[placed.offsets[2].count + 17], std::byte{42});
}

TEST(Executor, MeasuresWhenEachOpRan) {
  Schedule schedule;
  schedule.add({.kind = OpKind::kForward, .lane = Lane::kCompute});
  schedule.add({.kind = OpKind::kForward, .lane = Lane::kHost}, {{OpId{0}}});
  const PlacedSchedule placed = place(std::move(schedule));
  const auto device = small_device();
  class SleepingTable final : public OpTable {
    OpBody bind(const Op&, const OpAddresses&, Device&) const override {
      return [] { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
    }
  } const table;
  Executor executor(placed, *device, table);

  const Timeline& timeline = executor.run();

  EXPECT_GE((timeline.ops[0].end - timeline.ops[0].start).value, 0.005);
  EXPECT_GE(timeline.ops[1].start, timeline.ops[0].end);
  EXPECT_GE(makespan(timeline).value, 0.010);
}

TEST(Executor, RefusesAnArenaThatIsTooSmall) {
  Schedule schedule;
  schedule.add_buffer({"state", Tier::kDevice, 2_MiB, true});
  const PlacedSchedule placed = place(std::move(schedule));
  const auto device = small_device();
  const NotingTable table;
  EXPECT_THROW(Executor(placed, *device, table), OutOfMemory);
}

}  // namespace
}  // namespace longhaul
