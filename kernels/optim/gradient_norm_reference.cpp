#include <algorithm>
#include <cmath>

#include "kernels/element.h"
#include "kernels/lane_sum.h"
#include "kernels/optim/gradient_norm.h"

namespace longhaul::kernels {

void sum_of_squares_reference(const SumOfSquares& args, const Launch&) {
  check(args);
  for (std::int64_t chunk = 0; chunk < chunk_count(args.count, kNormChunk); ++chunk) {
    const std::int64_t first = chunk * kNormChunk;
    const std::int64_t length = std::min(kNormChunk, args.count - first);
    SumLanes lanes{};
    std::int64_t nonfinite = 0;
    for (std::int64_t i = 0; i < length; ++i) {
      const double x = load_element(args.x, first + i, args.dtype);
      lanes[static_cast<std::size_t>(i % 16)] += x * x;
      if (!std::isfinite(x)) ++nonfinite;
    }
    args.sums[chunk] = fold_lanes(lanes);
    args.nonfinite[chunk] = nonfinite;
  }
}

void fold_sums_reference(const FoldSums& args, const Launch&) {
  check(args);
  *args.sum = 0.0;
  *args.nonfinite_sum = 0;
  for (std::int64_t chunk = 0; chunk < args.chunks; ++chunk) {
    *args.sum += args.sums[chunk];
    *args.nonfinite_sum += args.nonfinite[chunk];
  }
}

}  // namespace longhaul::kernels
