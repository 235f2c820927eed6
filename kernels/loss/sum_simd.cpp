#include "kernels/loss/sum.h"
#include "kernels/simd/fold_doubles.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {

void LONGHAUL_SIMD_BODY(sum)(const Sum& args, const Launch& launch) {
  check(args);
  for_chunks(launch, args.count, kSumChunk, [&](std::int64_t first, std::int64_t last) {
    DoubleLanes lanes = zero_doubles();
    for_lanes(
        first, last, [&](std::int64_t i, auto span) { add_to(lanes, load(args.x + i, span)); });
    args.scratch[first / kSumChunk] = fold_doubles(lanes);
  });
  double total = 0.0;
  for (std::int64_t k = 0; k < chunk_count(args.count, kSumChunk); ++k) total += args.scratch[k];
  *args.sum = args.accumulates ? *args.sum + total : total;
}

}  // namespace longhaul::kernels
