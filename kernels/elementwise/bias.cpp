#include "kernels/elementwise/bias.h"

#include "kernels/check.h"

namespace longhaul::kernels {

std::int64_t bias_backward_scratch(std::int64_t rows, std::int64_t width) {
  return chunk_count(rows, kRowsPerChunk) * width * static_cast<std::int64_t>(sizeof(float));
}

void check(const BiasForward& args) {
  constexpr const char* kPlace = "bias_forward";
  require_rows(kPlace, args.rows, args.width);
  require_float(kPlace, args.dtype);
  if (args.rows == 0) return;
  require_pointers(kPlace, {{"x", args.x}, {"bias", args.bias}, {"y", args.y}});
}

void check(const BiasBackward& args) {
  constexpr const char* kPlace = "bias_backward";
  require_rows(kPlace, args.rows, args.width);
  require_float(kPlace, args.dtype);
  require_pointers(kPlace, {{"d_bias", args.d_bias}});
  if (args.rows == 0) return;
  require_pointers(kPlace, {{"d_y", args.d_y}, {"scratch", args.scratch}});
}

}  // namespace longhaul::kernels
