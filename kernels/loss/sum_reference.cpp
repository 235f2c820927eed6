#include <algorithm>

#include "kernels/lane_sum.h"
#include "kernels/loss/sum.h"

namespace longhaul::kernels {

void sum_reference(const Sum& args, const Launch&) {
  check(args);
  double total = 0.0;
  for (std::int64_t first = 0; first < args.count; first += kSumChunk) {
    const std::int64_t length = std::min(kSumChunk, args.count - first);
    SumLanes lanes{};
    for (std::int64_t i = 0; i < length; ++i) {
      lanes[static_cast<std::size_t>(i % 16)] += args.x[first + i];
    }
    total += fold_lanes(lanes);
  }
  *args.sum = args.accumulates ? *args.sum + total : total;
}

}  // namespace longhaul::kernels
