// Sixteen masters joined from their bf16 weights and remainders, and split again: optim/master.h.
// Internal linkage: see lanes.h.
#pragma once

#include "kernels/simd/lanes.h"

namespace longhaul::kernels {
namespace {

LONGHAUL_LANES_INLINE Lanes load_master(const std::uint16_t* weight,
                                        const std::int16_t* remainder,
                                        Full) {
  return join_master_lanes(weight, remainder);
}
LONGHAUL_LANES_INLINE Lanes load_master(const std::uint16_t* weight,
                                        const std::int16_t* remainder,
                                        Part part) {
  const auto bytes = static_cast<std::size_t>(part.count) * 2;
  std::uint16_t w[kLanes] = {};
  std::int16_t r[kLanes] = {};
  __builtin_memcpy(w, weight, bytes);
  __builtin_memcpy(r, remainder, bytes);
  return join_master_lanes(w, r);
}

LONGHAUL_LANES_INLINE void store_master(Lanes master,
                                        std::uint16_t* weight,
                                        std::int16_t* remainder,
                                        Full) {
  split_master_lanes(master, weight, remainder);
}
LONGHAUL_LANES_INLINE void store_master(Lanes master,
                                        std::uint16_t* weight,
                                        std::int16_t* remainder,
                                        Part part) {
  const auto bytes = static_cast<std::size_t>(part.count) * 2;
  std::uint16_t w[kLanes];
  std::int16_t r[kLanes];
  split_master_lanes(master, w, r);
  __builtin_memcpy(weight, w, bytes);
  __builtin_memcpy(remainder, r, bytes);
}

}  // namespace
}  // namespace longhaul::kernels
