// What every Device does, alone and under an executor. A kind that is not on this machine skips.
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/runtime/executor.h"

#include "runtime/conformance_device.h"
#include "runtime/faulty_device.h"
#include "runtime/script.h"
#include "support/faulty_disk.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using std::chrono::microseconds;
using test::DeviceKind;
using test::DeviceShape;
using test::Script;
using testing::HasSubstr;
using Content = std::vector<unsigned char>;

constexpr std::array kTiers{Tier::kDevice, Tier::kHost, Tier::kDisk};
constexpr std::array kLanes{
    Lane::kCompute, Lane::kH2d, Lane::kD2h, Lane::kHost, Lane::kDiskRead, Lane::kDiskWrite};
constexpr BufferId kNone{};
constexpr Bytes kSize = 4_KiB;  // of the buffers that fill() and copy() work on

// Where the ops of a lane keep what they make.
Tier tier_of(Lane lane) {
  return lane == Lane::kCompute || lane == Lane::kH2d || lane == Lane::kD2h ? Tier::kDevice
                                                                            : Tier::kHost;
}

class DeviceConformance : public testing::TestWithParam<DeviceKind> {
 protected:
  void SetUp() override {
    if (!GetParam().exists()) GTEST_SKIP() << "no such device on this machine";
  }

  std::unique_ptr<Device> make_device(Bytes memory = 4_MiB, DiskOps* disk_ops = &system_disk()) {
    return GetParam().make({memory, memory, memory, folder_.path(), disk_ops});
  }
  Script::Action fill(unsigned char value, microseconds after = microseconds(0)) const {
    return [&kind = GetParam(), value, after](Device& device, Lane lane, const OpAddresses& at) {
      if (after.count() > 0) kind.sleep(device, lane, after);
      if (!at.writes.empty())
        kind.fill(device, lane, at.writes[0], static_cast<std::size_t>(kSize.count), value);
    };
  }
  Script::Action copy() const {
    return [&kind = GetParam()](Device& device, Lane lane, const OpAddresses& at) {
      kind.copy(device, lane, at.writes[0], at.reads[0], static_cast<std::size_t>(kSize.count));
    };
  }
  static Script::Action fail() {
    return [](Device&, Lane, const OpAddresses&) { throw InvalidArgument("injected"); };
  }

 private:
  test::TemporaryFolder folder_;
};

Content filled(unsigned char value) {
  return Content(static_cast<std::size_t>(kSize.count), value);
}

Content numbers(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Content content(size);
  for (unsigned char& byte : content) byte = static_cast<unsigned char>(random());
  return content;
}

void put(Device& device, const Location& to, const Content& content) {
  device.write(to, std::as_bytes(std::span(content)));
}

Content get(Device& device, const Location& from, std::size_t size) {
  Content content(size);
  device.read(std::as_writable_bytes(std::span(content)), from);
  return content;
}

Content content_of(Device& device, const PlacedSchedule& placed, BufferId buffer) {
  const Buffer& what = placed.schedule[buffer];
  return get(device,
             {what.tier, placed.offsets[buffer.index()]},
             static_cast<std::size_t>(what.size.count));
}

// The message of the DeviceError that the pass ends with.
std::string failure_of(Executor& executor) {
  try {
    executor.run();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "nothing failed";
}

std::ptrdiff_t threads_of_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

// A joined thread leaves /proc a moment later.
void expect_threads(std::ptrdiff_t expected) {
  for (int i = 0; i < 200 && threads_of_process() != expected; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(threads_of_process(), expected);
}

TEST_P(DeviceConformance, CopiesBetweenEveryPairOfTiersAtOddOffsetsAndSizes) {
  const auto device = make_device();
  for (const Tier from : kTiers) {
    for (const Tier to : kTiers) {
      if (from == Tier::kDisk && to == Tier::kDisk) continue;
      for (const std::size_t size : {1U, 4095U, 65537U, 1048583U}) {
        // Ranges on disk begin at units.
        const Location source{from, from == Tier::kDisk ? kDiskUnit : Bytes{1237}};
        const Location target{to, to == Tier::kDisk ? kDiskUnit * 20 : Bytes{1500001}};
        const Content content = numbers(size, static_cast<unsigned>(size));
        const Content around(16, 0xAB);
        put(*device, source, content);
        if (to != Tier::kDisk) {
          put(*device, {to, target.offset - Bytes{16}}, around);
          put(*device, {to, target.offset + Bytes{static_cast<std::int64_t>(size)}}, around);
        }

        device->copy(target, source, Bytes{static_cast<std::int64_t>(size)});

        SCOPED_TRACE(concat(name_of(from), " to ", name_of(to), ", ", size, " B"));
        EXPECT_EQ(get(*device, target, size), content);
        if (to == Tier::kDisk) continue;
        EXPECT_EQ(get(*device, {to, target.offset - Bytes{16}}, 16), around);
        EXPECT_EQ(get(*device, {to, target.offset + Bytes{static_cast<std::int64_t>(size)}}, 16),
                  around);
      }
    }
  }
}

TEST_P(DeviceConformance, RefusesACopyFromDiskToDisk) {
  const auto device = make_device();
  put(*device, {Tier::kDisk, {}}, numbers(100, 1));
  EXPECT_THROW(device->copy({Tier::kDisk, kDiskUnit}, {Tier::kDisk, {}}, {100}), InvalidArgument);
}

TEST_P(DeviceConformance, HasTheCapacityThatWasAskedForToTheByte) {
  for (const Bytes size : {1_MiB, 1_MiB + Bytes{256}, 3_MiB - Bytes{1}}) {
    const auto device = make_device(size);
    for (const Tier tier : kTiers) EXPECT_EQ(device->capacity(tier), size) << name_of(tier);
  }
}

TEST_P(DeviceConformance, HasNoMemoryThatWasNotAskedFor) {
  const auto device = GetParam().make({.device_memory = 1_MiB});
  EXPECT_EQ(device->capacity(Tier::kHost), Bytes{});
  EXPECT_EQ(device->capacity(Tier::kDisk), Bytes{});
  EXPECT_EQ(device->base(Tier::kHost), nullptr);
  EXPECT_EQ(device->base(Tier::kDisk), nullptr);
  EXPECT_THROW(device->copy({Tier::kDevice, {}}, {Tier::kDisk, {}}, {1}), InvalidArgument);
}

TEST_P(DeviceConformance, AnArenaOneByteTooSmallIsRefusedWithBothNumbers) {
  for (const Tier tier : kTiers) {
    Script script;
    script.buffer(tier, 1_MiB);
    const PlacedSchedule placed = place(script.schedule());
    const auto device = make_device(1_MiB - Bytes{1});
    try {
      const Executor executor(placed, *device, script);
      FAIL() << name_of(tier) << ": accepted";
    } catch (const OutOfMemory& error) {
      EXPECT_EQ(error.tier(), name_of(tier));
      EXPECT_EQ(error.requested(), 1048576);
      EXPECT_EQ(error.available(), 1048575);
    }
    const auto large_enough = make_device(1_MiB);
    EXPECT_NO_THROW(Executor(placed, *large_enough, script));
  }
}

TEST_P(DeviceConformance, EveryLaneWaitsForAProducerOnEveryOther) {
  const auto device = make_device();
  for (const Lane producer : kLanes) {
    for (const Lane consumer : kLanes) {
      if (producer == consumer) continue;
      Script script;
      const BufferId made = script.buffer(tier_of(producer), kSize);
      const BufferId result = script.buffer(tier_of(consumer), kSize);
      const OpId first = script.add(producer, made, kNone, fill(7, microseconds(2000)));
      script.add(consumer, result, made, copy(), {{first}});
      const PlacedSchedule placed = place(script.schedule());
      put(*device, {tier_of(producer), placed.offsets[0]}, filled(1));

      Executor(placed, *device, script).run();

      EXPECT_EQ(content_of(*device, placed, result), filled(7))
          << name_of(producer) << " to " << name_of(consumer);
    }
  }
}

TEST_P(DeviceConformance, ACopyOfTheExecutorWaitsForItsProducer) {
  const auto device = make_device();
  Script script;
  const BufferId loaded = script.buffer(Tier::kHost, kSize);
  const BufferId slot = script.buffer(Tier::kDevice, kSize);
  const BufferId computed = script.buffer(Tier::kDevice, kSize);
  const BufferId back = script.buffer(Tier::kHost, kSize);
  const OpId made = script.add(Lane::kHost, loaded, kNone, fill(9, microseconds(3000)));
  const OpId up = script.copy(Lane::kH2d, slot, loaded, {{made}});
  const OpId used = script.add(Lane::kCompute, computed, slot, copy(), {{up}});
  const OpId down = script.copy(Lane::kD2h, back, computed, {{used}});
  const PlacedSchedule placed = place(script.schedule());
  put(*device, {Tier::kHost, placed.offsets[loaded.index()]}, filled(1));
  Executor executor(placed, *device, script);

  const Timeline& timeline = executor.run();

  EXPECT_EQ(content_of(*device, placed, back), filled(9));
  // Lanes on the device keep time by a clock of their own, started with the pass.
  const double skew = 1e-3;
  EXPECT_GE(timeline.ops[made.index()].end.value, 0.003);
  EXPECT_GE(timeline.ops[up.index()].end.value, timeline.ops[made.index()].end.value - skew);
  EXPECT_GE(timeline.ops[down.index()].end.value, timeline.ops[up.index()].end.value - skew);
}

TEST_P(DeviceConformance, ALaneRunsItsOpsInOrder) {
  const auto device = make_device();
  for (const Lane lane : kLanes) {
    Script script;
    const BufferId buffer = script.buffer(tier_of(lane), kSize);
    const BufferId result = script.buffer(tier_of(lane), kSize);
    script.add(lane, buffer, kNone, fill(1, microseconds(1000)));
    script.add(lane, buffer, kNone, fill(2));
    script.add(lane, result, buffer, copy());
    script.add(lane, buffer, kNone, fill(3));
    const PlacedSchedule placed = place(script.schedule());
    Executor executor(placed, *device, script);
    for (int pass = 0; pass < 3; ++pass) {
      executor.run();
      EXPECT_EQ(content_of(*device, placed, buffer), filled(3)) << name_of(lane);
      EXPECT_EQ(content_of(*device, placed, result), filled(2)) << name_of(lane);
    }
  }
}

// Copies between a few buffers on random lanes, each after whatever touched its two buffers
// before. What they leave behind is what the same copies leave when run one after the other.
TEST_P(DeviceConformance, RandomSchedulesLeaveWhatTheirOpsLeaveOneByOne) {
  const auto device = make_device();
  for (unsigned seed = 0; seed < 12; ++seed) {
    std::mt19937 random(seed);
    Script script;
    std::vector<BufferId> buffers;
    std::vector<std::vector<OpId>> users;  // of a buffer, so far
    std::vector<unsigned char> expected;
    for (int i = 0; i < 8; ++i) {
      buffers.push_back(script.buffer(i % 2 == 0 ? Tier::kDevice : Tier::kHost, kSize));
      users.emplace_back();
      expected.push_back(static_cast<unsigned char>(i + 1));
    }
    for (int i = 0; i < 80; ++i) {
      const Lane lane = kLanes[random() % kLanes.size()];
      const std::size_t from = random() % 8;
      const std::size_t to = random() % 4 * 2 + (tier_of(lane) == Tier::kHost ? 1 : 0);
      if (from == to) continue;
      std::vector<OpId> after = users[to];
      after.insert(after.end(), users[from].begin(), users[from].end());
      const OpId op = script.add(lane, buffers[to], buffers[from], copy(), after);
      users[to].push_back(op);
      users[from].push_back(op);
      expected[to] = expected[from];
    }
    const PlacedSchedule placed = place(script.schedule());
    Executor executor(placed, *device, script);
    for (int pass = 0; pass < 3; ++pass) {
      for (std::size_t i = 0; i < 8; ++i) {
        put(*device,
            {placed.schedule[buffers[i]].tier, placed.offsets[i]},
            filled(static_cast<unsigned char>(i + 1)));
      }
      executor.run();
      for (std::size_t i = 0; i < 8; ++i) {
        ASSERT_EQ(content_of(*device, placed, buffers[i]), filled(expected[i]))
            << "seed " << seed << ", pass " << pass << ", buffer " << i;
      }
    }
  }
}

TEST_P(DeviceConformance, AnErrorOnAnyLaneNamesOpBlockAndLane) {
  const auto device = make_device();
  for (const Lane lane : kLanes) {
    Script script;
    script.add(lane, kNone, kNone, fill(1));
    script.add(lane, kNone, kNone, fail());
    const PlacedSchedule placed = place(script.schedule());
    Executor executor(placed, *device, script, {"first", "second"});
    const std::string expected =
        concat("forward second of block 0 on lane ", name_of(lane), ": injected");
    EXPECT_EQ(failure_of(executor), expected);
    EXPECT_EQ(failure_of(executor), expected) << "in the second pass";
  }
}

TEST_P(DeviceConformance, AnErrorReleasesTheLanesThatWait) {
  const auto device = make_device();
  const std::ptrdiff_t threads = threads_of_process();
  for (const Lane failing : kLanes) {
    Script script;
    const OpId slow = script.add(failing, kNone, kNone, fill(1, microseconds(2000)));
    const OpId failed = script.add(failing, kNone, kNone, fail(), {{slow}});
    OpId last = failed;
    for (const Lane lane : kLanes) {
      if (lane == failing) continue;
      script.add(lane, kNone, kNone, fill(2), {{failed}});
      last = script.add(lane, kNone, kNone, fill(3), {{last}});
    }
    const PlacedSchedule placed = place(script.schedule());
    {
      Executor executor(placed, *device, script);
      for (int pass = 0; pass < 3; ++pass) {
        EXPECT_THAT(failure_of(executor), HasSubstr(concat("on lane ", name_of(failing))));
      }
    }
  }
  expect_threads(threads);
}

// Weights from disk to the device, gradients to the host, updated weights to disk, for 3 blocks.
// The op `failing` fails, unless it is a copy of the executor.
struct SmallStep {
  Script script;
  std::vector<BufferId> on_disk;

  SmallStep(const DeviceKind& kind, const int& failing) {
    for (int block = 0; block < 3; ++block) {
      on_disk.push_back(script.buffer(Tier::kDisk, 64_KiB));
      const BufferId state = script.buffer(Tier::kHost, 64_KiB);
      const BufferId weight = script.buffer(Tier::kDevice, 64_KiB);
      const BufferId gradient = script.buffer(Tier::kDevice, 64_KiB);
      const BufferId arrived = script.buffer(Tier::kHost, 64_KiB);
      const auto work = [this, &kind, &failing] {
        const int op = static_cast<int>(script.schedule().ops().size());
        return [&kind, &failing, op](Device& device, Lane lane, const OpAddresses& at) {
          if (op == failing) throw InvalidArgument("injected");
          kind.copy(device, lane, at.writes[0], at.reads[0], 65536);
        };
      };
      const OpId read = script.copy(Lane::kDiskRead, state, on_disk.back());
      const OpId up = script.copy(Lane::kH2d, weight, state, {{read}});
      const OpId computed = script.add(Lane::kCompute, gradient, weight, work(), {{up}});
      const OpId down = script.copy(Lane::kD2h, arrived, gradient, {{computed}});
      const OpId updated = script.add(Lane::kHost, state, arrived, work(), {{down, up}});
      script.copy(Lane::kDiskWrite, on_disk.back(), state, {{updated}});
    }
  }
  void write_disk(Device& device, const PlacedSchedule& placed, const Content& content) const {
    for (const BufferId buffer : on_disk) {
      put(device, {Tier::kDisk, placed.offsets[buffer.index()]}, content);
    }
  }
};

TEST_P(DeviceConformance, AFaultInAnyOpOfAStepIsReportedAndTheDeviceGoesOn) {
  const std::ptrdiff_t threads = threads_of_process();
  {
    const auto real = make_device();
    test::FaultyDevice device(*real);
    int failing = -1;
    const SmallStep step(GetParam(), failing);
    const PlacedSchedule placed = place(step.script.schedule());
    Executor executor(placed, device, step.script);
    const Content content = numbers(65536, 5);
    const std::vector<Op>& ops = placed.schedule.ops();
    for (std::size_t i = 0; i < ops.size(); ++i) {
      failing = static_cast<int>(i);
      if (ops[i].kind == OpKind::kCopy) {
        device.failing_tier = placed.schedule[ops[i].writes[0].buffer].tier;
        device.failing_offset = placed.address(ops[i].writes[0]);
      }
      step.write_disk(device, placed, content);
      EXPECT_EQ(failure_of(executor), concat(describe(ops[i]), ": injected"));

      failing = -1;
      device.failing_offset = {-1};
      step.write_disk(device, placed, content);
      executor.run();
      for (const BufferId buffer : step.on_disk) {
        EXPECT_EQ(content_of(device, placed, buffer), content) << "after a fault in op " << i;
      }
    }
  }
  expect_threads(threads);
}

// EIO at every request that reaches the disk, one at a time.
TEST_P(DeviceConformance, AnErrorOfTheDiskNamesOpAndLane) {
  bool failed_read = false;
  bool failed_write = false;
  for (std::int64_t request = 0;; ++request) {
    ASSERT_LT(request, 200) << "the step has fewer requests";
    test::FaultyDisk disk(request, EIO);
    const int failing = -1;
    const SmallStep step(GetParam(), failing);
    const PlacedSchedule placed = place(step.script.schedule());
    std::unique_ptr<Device> device;
    try {
      device = make_device(4_MiB, &disk);
      step.write_disk(*device, placed, numbers(65536, 5));
    } catch (const IoError&) {
      continue;  // the step had not begun
    }
    if (disk.calls() > request) continue;  // a refusal that the store goes on without
    Executor executor(placed, *device, step.script);
    try {
      executor.run();
      if (disk.calls() <= request) break;
      ADD_FAILURE() << "request " << request << ": the error was lost";
    } catch (const DeviceError& error) {
      const std::string what = error.what();
      EXPECT_THAT(what, HasSubstr("Input/output error"));
      EXPECT_THAT(what, HasSubstr("copy on lane disk_"));
      failed_read |= what.find("disk_read") != std::string::npos;
      failed_write |= what.find("disk_write") != std::string::npos;
    }
  }
  EXPECT_TRUE(failed_read);
  EXPECT_TRUE(failed_write);
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         DeviceConformance,
                         testing::ValuesIn(test::device_kinds()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace longhaul
