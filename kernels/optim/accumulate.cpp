#include "kernels/optim/accumulate.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const Accumulate& args) {
  constexpr const char* kPlace = "accumulate";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace, {{"accumulator", args.accumulator}, {"gradient", args.gradient}});
}

void check(const FinishAccumulation& args) {
  constexpr const char* kPlace = "finish_accumulation";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace, {{"accumulator", args.accumulator}, {"transport", args.transport}});
  if (args.sums != nullptr) require_pointers(kPlace, {{"nonfinite", args.nonfinite}});
}

}  // namespace longhaul::kernels
