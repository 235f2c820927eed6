#include <algorithm>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

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
  // The shortest of a few: what the machine does beside this test can only lengthen them.
  static Seconds shortest(int attempts, Device& device, int copies, Bytes size) {
    double best = 1e9;
    for (int attempt = 0; attempt < attempts; ++attempt) {
      const Clock::time_point start = Clock::now();
      for (int i = 0; i < copies; ++i) {
        device.copy({GetParam().to, {}}, {GetParam().from, {}}, size);
      }
      best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return {best};
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_P(HostDeviceSpeed, KeepsTheSetRateWithinThreePercentOverATenthOfASecond) {
  const auto device = make_device({.rate = {100e6}});
  const Seconds set = Bytes{10 << 20} / BytesPerSecond{100e6};
  const Seconds measured = shortest(4, *device, 10, 1_MiB);
  EXPECT_GE(measured.value, set.value * 0.999);
  EXPECT_LE(measured.value, set.value * 1.03);
}

TEST_P(HostDeviceSpeed, AddsTheSetLatencyToEveryCopy) {
  const auto device = make_device({.latency = {0.005}});
  const Seconds measured = shortest(4, *device, 20, 4_KiB);
  EXPECT_GE(measured.value, 0.1 * 0.999);
  EXPECT_LE(measured.value, 0.1 * 1.03);
}

INSTANTIATE_TEST_SUITE_P(Links,
                         HostDeviceSpeed,
                         testing::Values(Link{Lane::kH2d, Tier::kHost, Tier::kDevice},
                                         Link{Lane::kD2h, Tier::kDevice, Tier::kHost},
                                         Link{Lane::kDiskRead, Tier::kDisk, Tier::kHost},
                                         Link{Lane::kDiskWrite, Tier::kHost, Tier::kDisk}),
                         [](const auto& test) { return std::string(name_of(test.param.lane)); });

// Two directions of 50 ms each, at once.
TEST(HostDevice, CopiesInBothDirectionsAtOnce) {
  HostDeviceOptions options{.device_memory = 16_MiB, .host_memory = 16_MiB};
  for (LaneSpeed& speed : options.speeds) speed.rate = {100e6};
  const auto device = make_host_device(options);
  test::Script script;
  const Bytes size{5000000};
  const BufferId host = script.buffer(Tier::kHost, size);
  const BufferId slot = script.buffer(Tier::kDevice, size);
  const BufferId other = script.buffer(Tier::kDevice, size);
  const BufferId back = script.buffer(Tier::kHost, size);
  script.copy(Lane::kH2d, slot, host);
  script.copy(Lane::kD2h, back, other);
  const PlacedSchedule placed = place(script.schedule());
  Executor executor(placed, *device, script);
  double best = 1.0;
  for (int pass = 0; pass < 5; ++pass) best = std::min(best, makespan(executor.run()).value);
  EXPECT_GE(best, 0.050);
  EXPECT_LE(best, 0.075);
}

}  // namespace
}  // namespace longhaul
