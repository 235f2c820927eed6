// The written order of fp64 sums that must have the same bits in every body: 16 virtual lanes.
#pragma once

#include <array>
#include <cstddef>

namespace longhaul::kernels {

// Element i of a chunk is added to lane i mod 16, in order.
using SumLanes = std::array<double, 16>;

// Lanes added pairwise: i and i + 8, then i + 4, i + 2, i + 1.
inline double fold_lanes(SumLanes lanes) {
  for (std::size_t half = 8; half >= 1; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace longhaul::kernels
