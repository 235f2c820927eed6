#include "kernels/mlp/gelu.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const GeluForward& args) {
  constexpr const char* kPlace = "gelu_forward";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace, {{"x", args.x}, {"y", args.y}});
}

void check(const GeluBackward& args) {
  constexpr const char* kPlace = "gelu_backward";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace, {{"d_y", args.d_y}, {"x", args.x}, {"d_x", args.d_x}});
}

}  // namespace longhaul::kernels
