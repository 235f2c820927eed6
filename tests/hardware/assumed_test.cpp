#include "longhaul/hardware/assumed.h"

#include <gtest/gtest.h>

#include "longhaul/hardware/profile_file.h"

namespace longhaul {
namespace {

TEST(AssumedProfile, IsAProfileThatSaysWhatItIs) {
  for (const DeviceKind kind : {DeviceKind::kHost, DeviceKind::kCuda}) {
    HardwareProfile profile = assumed_profile({.device = kind,
                                               .device_memory = 8_GiB,
                                               .host_memory = 24_GiB,
                                               .cores = 6,
                                               .has_fast_bf16 = true});
    profile.storage.disks.push_back(assumed_disk(100_GiB));
    EXPECT_EQ(profile.device.kind, kind);
    EXPECT_EQ(profile.device.memory.value, 8_GiB);
    EXPECT_EQ(profile.host.cores.value, 6);
    EXPECT_EQ(profile.host.bandwidth.provenance, Provenance::kAssumed);
    // Nothing in it is missing or absurd.
    EXPECT_EQ(parse_hardware(parse_document(to_yaml(profile), "assumed.yaml")), profile);
  }
}

}  // namespace
}  // namespace longhaul
