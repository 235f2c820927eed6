// The last step of sums in sixteen fp64 lanes. Internal linkage: see lanes.h.
#pragma once

#include "kernels/simd/lanes.h"

namespace longhaul::kernels {
namespace {

// Lanes added pairwise: i and i + 8, then i + 4, i + 2, i + 1.
LONGHAUL_LANES_INLINE double fold_doubles(DoubleLanes sum) {
  double lanes[kLanes];
  store_doubles(lanes, sum);
  for (int half = kLanes / 2; half >= 1; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace
}  // namespace longhaul::kernels
