// Every buffer gets an offset before the first step. Two buffers of a tier share bytes only if
// every use of the first happens before the first use of the second.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "longhaul/schedule/schedule.h"

namespace longhaul {

// Bytes, per tier: what CUDA kernels expect, what direct I/O expects, a unit of the disk store.
inline constexpr std::array<std::int64_t, kTierCount> kBufferAlignment{256, 4096, 65536};

// Bytes per tier; a tier without a cap takes what is asked.
struct Caps {
  std::array<Bytes, kTierCount> bytes{Bytes{INT64_MAX}, Bytes{INT64_MAX}, Bytes{INT64_MAX}};
};

inline constexpr Caps kNoBytes{{}};
const char* room_on(Tier tier);  // "host memory", "disk space"

struct PlacedSchedule {
  Schedule schedule;
  std::vector<Bytes> offsets;                // per buffer, in its tier's arena
  std::array<Bytes, kTierCount> peak;        // arena size each tier needs
  std::array<Bytes, kTierCount> persistent;  // the part of it that lives across passes

  Bytes address(const Operand& operand) const {
    return offsets[operand.buffer.index()] + operand.offset;
  }
};

// Places persistent buffers first, in the order in which they were added, so that every pass of a
// run that adds the same ones first finds them at the same offsets; then the others one by one,
// each at the lowest offset where it meets no buffer that may be alive at the same time, in the
// better of two orders; a tier that takes no more than `enough` in the first of them is not placed
// in the other. Throws DoesNotFit with the ledger of the tier when a cap is exceeded.
PlacedSchedule place(Schedule schedule, const Caps& caps = {}, const Caps& enough = kNoBytes);

// Per tier: the largest sum of sizes of the buffers that are alive at one op, in the order in which
// the ops were added. No placement is smaller, and it takes a small part of the time of one.
std::array<Bytes, kTierCount> least_peak(const Schedule& schedule);

// A sum of sizes of buffers of `tier` of which any two may be alive at the same time, the largest
// that a short search finds: no placement is smaller.
Bytes lower_bound(const Schedule& schedule, Tier tier);

// Throws InvalidArgument that names two buffers which share bytes and may be alive together.
void check(const PlacedSchedule& placed);

}  // namespace longhaul
