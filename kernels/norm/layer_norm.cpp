#include "kernels/norm/layer_norm.h"

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {

std::int64_t layer_norm_backward_scratch(std::int64_t rows, std::int64_t width) {
  return chunk_count(rows, kRowsPerChunk) * 2 * width * static_cast<std::int64_t>(sizeof(float));
}

void check(const LayerNormForward& args) {
  constexpr const char* kPlace = "layer_norm_forward";
  require_rows(kPlace, args.rows, args.width);
  require_float(kPlace, args.dtype);
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"x", args.x},
                    {"gain", args.gain},
                    {"bias", args.bias},
                    {"y", args.y},
                    {"mean", args.mean},
                    {"rstd", args.rstd}});
}

void check(const LayerNormBackward& args) {
  constexpr const char* kPlace = "layer_norm_backward";
  require_rows(kPlace, args.rows, args.width);
  require_float(kPlace, args.dtype);
  require((args.d_gain == nullptr) == (args.d_bias == nullptr),
          kPlace,
          ": one of d_gain and d_bias is null, expected both or none");
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"d_y", args.d_y},
                    {"x", args.x},
                    {"gain", args.gain},
                    {"mean", args.mean},
                    {"rstd", args.rstd},
                    {"d_x", args.d_x}});
  if (args.d_gain != nullptr) require_pointers(kPlace, {{"scratch", args.scratch}});
}

}  // namespace longhaul::kernels
