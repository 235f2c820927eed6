// The numbers of a machine that decide how long a training step takes. Plain values: they come from
// a file (profile_file.h) or from measurement, and predictions read nothing else of a machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/core/device_kind.h"
#include "longhaul/hardware/figure.h"

namespace longhaul {

// Of one precision. Curves over the FLOPs of one op.
struct ComputeRates {
  WorkCurve products;
  WorkCurve products_backward;
  WorkCurve attention;
  WorkCurve attention_backward;

  bool operator==(const ComputeRates&) const = default;
};

struct DeviceProfile {
  DeviceKind kind = DeviceKind::kCuda;
  std::string name;
  Figure<Bytes> memory;
  MoveCurve bandwidth;     // of ops that only move: bytes read and written
  Figure<Seconds> launch;  // added to every op
  ComputeRates bf16;
  ComputeRates fp32;

  bool operator==(const DeviceProfile&) const = default;
};

struct LinkProfile {
  MoveCurve to_device;
  MoveCurve to_host;
  // Each direction's rate while both are busy, as a share of its rate alone.
  Figure<double> both_ways;
  Figure<Seconds> latency;  // added to every copy
  // Copies from and to memory that is not pinned. We make none; some systems do.
  std::optional<Figure<BytesPerSecond>> pageable;

  bool operator==(const LinkProfile&) const = default;
};

struct HostProfile {
  Figure<int> cores;
  Figure<Bytes> memory;
  Figure<BytesPerSecond> bandwidth;  // of the memory, reads and writes together
  ThreadCurve optimizer;             // AdamW over chunks in memory, by threads
  // Of a device that computes on the same cores: what the cores yield while several lanes use them,
  // as a share of what one lane gets.
  std::optional<Figure<double>> sharing;
  Figure<Bytes> pin_limit;
  Figure<BytesPerSecond> pin_rate;

  bool operator==(const HostProfile&) const = default;
};

struct DiskRate {
  Bytes block;    // of one request; 0: any
  int depth = 0;  // requests in flight; 0: any
  Figure<BytesPerSecond> rate;

  bool operator==(const DiskRate&) const = default;
};

// A path, or several equal ones.
struct DiskProfile {
  std::string name;
  int count = 1;
  Figure<Bytes> capacity;  // of one, as are the rates and the endurance
  std::vector<DiskRate> read;
  std::vector<DiskRate> write;
  std::vector<DiskRate> mixed;             // half reads, half writes; none: the times of both add
  std::optional<Figure<Bytes>> endurance;  // rated bytes written

  bool operator==(const DiskProfile&) const = default;
};

struct StorageProfile {
  std::vector<DiskProfile> disks;
  // What all disks together pass through one after the other: software, a switch.
  std::optional<Figure<BytesPerSecond>> serial;
  // Of one core, what a transfer at full rate keeps busy: checksums and the system's part.
  std::optional<Figure<double>> core;

  bool operator==(const StorageProfile&) const = default;
};

struct HardwareProfile {
  std::string name;
  DeviceProfile device;
  LinkProfile link;
  HostProfile host;
  StorageProfile storage;

  bool operator==(const HardwareProfile&) const = default;
};

// What striped storage delivers: 1 / (1 / (sum of the disks) + 1 / serial).
struct StorageRates {
  BytesPerSecond read;
  BytesPerSecond write;
  // Times of reads and writes under way together add up, times this.
  double mixing = 1.0;
};

// With requests of `block` bytes, `depth` of them in flight per disk. Throws InvalidArgument when
// there is no disk.
StorageRates storage_rates(const StorageProfile& storage, Bytes block, int depth);

// Of all disks.
Bytes capacity(const StorageProfile& storage);
// Rated bytes written of all disks, when it is known for each.
std::optional<Bytes> endurance(const StorageProfile& storage);

}  // namespace longhaul
