// An fp32 master weight kept as the bf16 weight that the device needs and a signed 16-bit
// remainder, exact for every bit pattern:
//
//   weight = uint16((bits + 0x8000) >> 16)        nearest, ties away from zero
//   remainder = int16(bits - (weight << 16)),   bits = (weight << 16) + remainder   modulo 2^32
//
// A NaN's bf16 half may be infinite: finite checks read the master.
#pragma once

#include <cstdint>

#include "kernels/launch.h"

namespace longhaul::kernels {

constexpr std::uint16_t master_weight(std::uint32_t bits) {
  return static_cast<std::uint16_t>((bits + 0x8000U) >> 16);
}

constexpr std::int16_t master_remainder(std::uint32_t bits) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(bits));
}

constexpr std::uint32_t join_master(std::uint16_t weight, std::int16_t remainder) {
  return (static_cast<std::uint32_t>(weight) << 16) +
         static_cast<std::uint32_t>(static_cast<std::int32_t>(remainder));
}

// Moves 8 bytes per parameter.
struct MasterSplit {
  const float* master;      // [count]
  std::uint16_t* weight;    // [count]
  std::int16_t* remainder;  // [count]
  std::int64_t count;
};

// Moves 8 bytes per parameter.
struct MasterJoin {
  const std::uint16_t* weight;    // [count]
  const std::int16_t* remainder;  // [count]
  float* master;                  // [count]
  std::int64_t count;
};

// Throw InvalidArgument for a negative count or a missing pointer.
void check(const MasterSplit& args);
void check(const MasterJoin& args);

LONGHAUL_DECLARE_KERNEL(master_split, MasterSplit);
LONGHAUL_DECLARE_KERNEL(master_join, MasterJoin);

}  // namespace longhaul::kernels
