#include "kernels/norm/rms_norm.h"

#include "kernels/check.h"

namespace longhaul::kernels {

std::int64_t rms_norm_backward_scratch(std::int64_t rows, std::int64_t width) {
  return chunk_count(rows, kRowsPerChunk) * width * static_cast<std::int64_t>(sizeof(float));
}

void check(const RmsNormForward& args) {
  constexpr const char* kPlace = "rms_norm_forward";
  require_rows(kPlace, args.rows, args.width);
  require_float(kPlace, args.dtype);
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"x", args.x}, {"gain", args.gain}, {"y", args.y}, {"rstd", args.rstd}});
}

void check(const RmsNormBackward& args) {
  constexpr const char* kPlace = "rms_norm_backward";
  require_rows(kPlace, args.rows, args.width);
  require_float(kPlace, args.dtype);
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"d_y", args.d_y},
                    {"x", args.x},
                    {"gain", args.gain},
                    {"rstd", args.rstd},
                    {"d_x", args.d_x}});
  if (args.d_gain != nullptr) require_pointers(kPlace, {{"scratch", args.scratch}});
}

}  // namespace longhaul::kernels
