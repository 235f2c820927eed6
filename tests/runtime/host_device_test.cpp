#include <algorithm>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/runtime/device.h"
#include "longhaul/runtime/executor.h"

#include "runtime/script.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using Clock = std::chrono::steady_clock;

struct Link {
  Lane lane;
  Tier from;
  Tier to;
};

class HostDeviceSpeed : public testing::TestWithParam<Link> {
 protected:
  std::unique_ptr<Device> make_device(LaneSpeed speed) {
    HostDeviceOptions options{.device_memory = 2_MiB,
                              .host_memory = 2_MiB,
                              .disk = 2_MiB,
                              .disk_folders = {{folder_.path(), 4_MiB}}};
    options.speeds[static_cast<std::size_t>(GetParam().lane)] = speed;
    auto device = make_host_device(options);
    const std::vector<std::byte> content(std::size_t{1} << 20);
    device->write({GetParam().from, {}}, content);
    return device;
  }
  // Seconds of copies one after the other: the shortest of as many attempts as it takes to be
  // within 3 % of `set`, up to 50, since what the machine does beside this test can only lengthen
  // them.
  double shortest(double set, LaneSpeed speed, int copies, Bytes size) {
    double best = 1e9;
    for (int attempt = 0; attempt < 50 && best > set * 1.03; ++attempt) {
      const auto device = make_device(speed);
      const Clock::time_point start = Clock::now();
      for (int i = 0; i < copies; ++i) {
        device->copy({GetParam().to, {}}, {GetParam().from, {}}, size);
      }
      best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return best;
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_P(HostDeviceSpeed, KeepsTheSetRateWithinThreePercentOverATenthOfASecond) {
  const Seconds set = Bytes{10 << 20} / BytesPerSecond{100e6};
  const double measured = shortest(set.value, {.rate = {100e6}}, 10, 1_MiB);
  EXPECT_GE(measured, set.value * 0.999);
  EXPECT_LE(measured, set.value * 1.03);
}

TEST_P(HostDeviceSpeed, AddsTheSetLatencyToEveryCopy) {
  const double measured = shortest(0.1, {.latency = {0.005}}, 20, 4_KiB);
  EXPECT_GE(measured, 0.1 * 0.999);
  EXPECT_LE(measured, 0.1 * 1.03);
}

INSTANTIATE_TEST_SUITE_P(Links,
                         HostDeviceSpeed,
                         testing::Values(Link{Lane::kH2d, Tier::kHost, Tier::kDevice},
                                         Link{Lane::kD2h, Tier::kDevice, Tier::kHost},
                                         Link{Lane::kDiskRead, Tier::kDisk, Tier::kHost},
                                         Link{Lane::kDiskWrite, Tier::kHost, Tier::kDisk}),
                         [](const auto& test) { return std::string(name_of(test.param.lane)); });

TEST(HostDevice, NamesTheTierThatTheSystemHasNoMemoryFor) {
  constexpr Bytes kHuge{std::int64_t{1} << 60};
  EXPECT_THAT(
      [&] { make_host_device({.device_memory = kHuge}); },
      testing::ThrowsMessage<OutOfMemory>(testing::HasSubstr("device: requested 1048576 TiB")));
  EXPECT_THAT(
      [&] { make_host_device({.device_memory = 1_MiB, .host_memory = kHuge}); },
      testing::ThrowsMessage<OutOfMemory>(testing::HasSubstr("host: requested 1048576 TiB")));
}

// Two directions of 50 ms each, at once.
TEST(HostDevice, CopiesInBothDirectionsAtOnce) {
  HostDeviceOptions options{.device_memory = 16_MiB, .host_memory = 16_MiB};
  for (LaneSpeed& speed : options.speeds) speed.rate = {100e6};
  test::Script script;
  const Bytes size{5000000};
  const BufferId host = script.buffer(Tier::kHost, size);
  const BufferId slot = script.buffer(Tier::kDevice, size);
  const BufferId other = script.buffer(Tier::kDevice, size);
  const BufferId back = script.buffer(Tier::kHost, size);
  script.copy(Lane::kH2d, slot, host);
  script.copy(Lane::kD2h, back, other);
  const PlacedSchedule placed = place(script.schedule());
  double best = 1.0;
  // As often as a busy machine needs for one pass in which both threads ran.
  for (int attempt = 0; attempt < 40 && best > 0.075; ++attempt) {
    const auto device = make_host_device(options);
    best = std::min(best, makespan(Executor(placed, *device, script).run()).value);
  }
  EXPECT_GE(best, 0.050);
  EXPECT_LE(best, 0.075);
}

}  // namespace
}  // namespace longhaul
