// Sums in sixteen virtual fp64 lanes, in the order that every body follows: half a warp per chunk,
// thread i of it adds elements i, i + 16, ... one after the other.
#pragma once

namespace longhaul::kernels {

inline constexpr int kLanesPerChunk = 16;

// Lanes added pairwise: i and i + 8, then i + 4, i + 2, i + 1. All threads of the warp call; the
// first thread of each half has the result.
__device__ inline double fold_lanes(double lane) {
  for (int half = kLanesPerChunk / 2; half >= 1; half /= 2) {
    lane += __shfl_down_sync(0xFFFFFFFFU, lane, half, kLanesPerChunk);
  }
  return lane;
}

}  // namespace longhaul::kernels
