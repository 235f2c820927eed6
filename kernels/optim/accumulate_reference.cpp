#include "kernels/element.h"
#include "kernels/optim/accumulate.h"
#include "kernels/optim/gradient_norm.h"

namespace longhaul::kernels {

void accumulate_reference(const Accumulate& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const float gradient = load_element(args.gradient, i, args.dtype);
    args.accumulator[i] = args.is_first ? gradient : args.accumulator[i] + gradient;
  }
}

void finish_accumulation_reference(const FinishAccumulation& args, const Launch& launch) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    float sum = args.accumulator[i];
    if (args.gradient != nullptr) sum += load_element(args.gradient, i, args.dtype);
    if (args.tied != nullptr) sum += args.tied[i];
    store_element(args.transport, i, args.dtype, sum);
  }
  if (args.sums == nullptr) return;
  sum_of_squares_reference({.x = args.transport,
                            .sums = args.sums,
                            .nonfinite = args.nonfinite,
                            .count = args.count,
                            .dtype = args.dtype},
                           launch);
}

}  // namespace longhaul::kernels
