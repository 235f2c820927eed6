#include "kernels/optim/gradient_norm.h"
#include "kernels/simd/fold_doubles.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {

void LONGHAUL_SIMD_BODY(sum_of_squares)(const SumOfSquares& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    const T* x = static_cast<const T*>(args.x);
    for_chunks(launch, args.count, kNormChunk, [&](std::int64_t first, std::int64_t last) {
      DoubleLanes lanes = zero_doubles();
      std::int64_t nonfinite = 0;
      for_lanes(first, last, [&](std::int64_t i, auto span) {
        const Lanes values = load(x + i, span);
        add_squares_to(lanes, values);
        nonfinite += count_nonfinite(values);
      });
      args.sums[first / kNormChunk] = fold_doubles(lanes);
      args.nonfinite[first / kNormChunk] = nonfinite;
    });
  });
}

void LONGHAUL_SIMD_BODY(fold_sums)(const FoldSums& args, const Launch&) {
  check(args);
  double sum = 0.0;
  std::int64_t nonfinite = 0;
  for (std::int64_t chunk = 0; chunk < args.chunks; ++chunk) {
    sum += args.sums[chunk];
    nonfinite += args.nonfinite[chunk];
  }
  *args.sum = sum;
  *args.nonfinite_sum = nonfinite;
}

}  // namespace longhaul::kernels
