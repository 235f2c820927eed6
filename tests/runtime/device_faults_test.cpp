// The conformance suite of devices, on bad days.
#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "runtime/device_conformance.h"
#include "runtime/faulty_device.h"
#include "support/faulty_disk.h"

namespace longhaul::test {
namespace {

using testing::HasSubstr;

struct StepOutcome {
  bool was_reached = false;  // the fault
  bool had_begun = false;    // the step, when the fault came
  std::string error;         // of the step
};

class DeviceFaults : public DeviceConformance {
 protected:
  // Drivers start threads of their own when they are first used, and keep them.
  void SetUp() override {
    DeviceConformance::SetUp();
    if (IsSkipped()) return;
    Script script;
    for (const Lane lane : kLanes) script.add(lane, kNone, kNone, fill(1, microseconds(10)));
    const PlacedSchedule placed = place(script.schedule());
    const auto device = make_device();
    Executor(placed, *device, script).run();
  }

  // A small step on a disk whose request number `request` meets its fault.
  StepOutcome step_with_fault(FaultyDisk& disk, std::int64_t request);
};

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

TEST_P(DeviceFaults, AnErrorOnAnyLaneNamesOpBlockAndLane) {
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

TEST_P(DeviceFaults, AnErrorReleasesTheLanesThatWait) {
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

TEST_P(DeviceFaults, AFaultInAnyOpOfAStepIsReportedAndTheDeviceGoesOn) {
  const std::ptrdiff_t threads = threads_of_process();
  {
    const auto real = make_device();
    FaultyDevice device(*real);
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

StepOutcome DeviceFaults::step_with_fault(FaultyDisk& disk, std::int64_t request) {
  const int failing = -1;
  const SmallStep step(GetParam(), failing);
  const PlacedSchedule placed = place(step.script.schedule());
  std::unique_ptr<Device> device;
  try {
    device = make_device(4_MiB, &disk);
    step.write_disk(*device, placed, numbers(65536, 5));
  } catch (const IoError&) {
    return {true};
  }
  if (disk.calls() > request) return {true};  // a refusal that the store goes on without
  Executor executor(placed, *device, step.script);
  std::string error;
  try {
    executor.run();
  } catch (const DeviceError& failure) {
    error = failure.what();
  }
  return {disk.calls() > request, true, error};
}

// EIO at every request that reaches the disk, one at a time.
TEST_P(DeviceFaults, AnErrorOfTheDiskNamesOpAndLane) {
  bool failed_read = false;
  bool failed_write = false;
  for (std::int64_t request = 0;; ++request) {
    ASSERT_LT(request, 200) << "the step has fewer requests";
    FaultyDisk disk(request, EIO);
    const StepOutcome outcome = step_with_fault(disk, request);
    if (!outcome.was_reached) break;
    if (!outcome.had_begun) continue;
    EXPECT_THAT(outcome.error, HasSubstr("Input/output error")) << "request " << request;
    EXPECT_THAT(outcome.error, HasSubstr("copy on lane disk_"));
    failed_read |= outcome.error.find("disk_read") != std::string::npos;
    failed_write |= outcome.error.find("disk_write") != std::string::npos;
  }
  EXPECT_TRUE(failed_read);
  EXPECT_TRUE(failed_write);
}

// A bit that changes in every read, one at a time.
TEST_P(DeviceFaults, BytesThatChangedOnTheDiskNameOpAndLane) {
  int found = 0;
  for (std::int64_t request = 0;; ++request) {
    ASSERT_LT(request, 200) << "the step has fewer reads";
    FaultyDisk disk(request, 0, Fault::kChanged);
    const StepOutcome outcome = step_with_fault(disk, request);
    if (!outcome.was_reached) break;
    if (outcome.error.empty()) continue;
    EXPECT_THAT(outcome.error, HasSubstr("copy on lane disk_read: "));
    EXPECT_THAT(outcome.error, HasSubstr("are not what was written"));
    ++found;
  }
  EXPECT_EQ(found, 3);  // one transfer per block
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         DeviceFaults,
                         testing::ValuesIn(device_kinds()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace longhaul::test
