#include "kernels/loss/sum.h"

#include "kernels/check.h"

namespace longhaul::kernels {

std::int64_t sum_scratch(std::int64_t count) {
  return chunk_count(count, kSumChunk) * static_cast<std::int64_t>(sizeof(double));
}

void check(const Sum& args) {
  constexpr const char* kPlace = "sum";
  require_count(kPlace, args.count);
  require_pointers(kPlace, {{"sum", args.sum}});
  if (args.count == 0) return;
  require_pointers(kPlace, {{"x", args.x}, {"scratch", args.scratch}});
}

}  // namespace longhaul::kernels
