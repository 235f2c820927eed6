// A profile where nothing was measured: sizes that are known, rates that such machines usually
// have. Every rate says that it is assumed.
#pragma once

#include "longhaul/hardware/profile.h"

namespace longhaul {

// What is known of a machine without measuring it.
struct MachineSizes {
  DeviceKind device = DeviceKind::kHost;
  Bytes device_memory;  // of a host device the machine's
  Bytes host_memory;
  int cores = 1;
  bool has_fast_bf16 = false;  // the processor multiplies bf16 at full rate
};

// Without a disk; assumed_disk() is one.
HardwareProfile assumed_profile(const MachineSizes& sizes);

DiskProfile assumed_disk(Bytes capacity);

}  // namespace longhaul
