// The fixture of the conformance suite: what every Device does, alone and under an executor. A kind
// that is not on this machine skips.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/runtime/executor.h"

#include "runtime/conformance_device.h"
#include "runtime/script.h"
#include "support/temporary_folder.h"

namespace longhaul::test {

using std::chrono::microseconds;
using Content = std::vector<unsigned char>;

inline constexpr std::array kTiers{Tier::kDevice, Tier::kHost, Tier::kDisk};
inline constexpr std::array kLanes{
    Lane::kCompute, Lane::kH2d, Lane::kD2h, Lane::kHost, Lane::kDiskRead, Lane::kDiskWrite};
inline constexpr BufferId kNone{};
inline constexpr Bytes kSize = 4_KiB;  // of the buffers that fill() and copy() work on

// Where the ops of a lane keep what they make.
inline Tier tier_of(Lane lane) {
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
  TemporaryFolder folder_;
};

inline Content filled(unsigned char value) {
  return Content(static_cast<std::size_t>(kSize.count), value);
}

inline Content numbers(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Content content(size);
  for (unsigned char& byte : content) byte = static_cast<unsigned char>(random());
  return content;
}

inline void put(Device& device, const Location& to, const Content& content) {
  device.write(to, std::as_bytes(std::span(content)));
}

inline Content get(Device& device, const Location& from, std::size_t size) {
  Content content(size);
  device.read(std::as_writable_bytes(std::span(content)), from);
  return content;
}

inline Content content_of(Device& device, const PlacedSchedule& placed, BufferId buffer) {
  const Buffer& what = placed.schedule[buffer];
  return get(device,
             {what.tier, placed.offsets[buffer.index()]},
             static_cast<std::size_t>(what.size.count));
}

}  // namespace longhaul::test
