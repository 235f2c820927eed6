#include "kernels/optim/gradient_norm.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const SumOfSquares& args) {
  constexpr const char* kPlace = "sum_of_squares";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace, {{"x", args.x}, {"sums", args.sums}, {"nonfinite", args.nonfinite}});
}

void check(const FoldSums& args) {
  constexpr const char* kPlace = "fold_sums";
  require_count(kPlace, args.chunks);
  require_pointers(kPlace, {{"sum", args.sum}, {"nonfinite_sum", args.nonfinite_sum}});
  if (args.chunks == 0) return;
  require_pointers(kPlace, {{"sums", args.sums}, {"nonfinite", args.nonfinite}});
}

}  // namespace longhaul::kernels
