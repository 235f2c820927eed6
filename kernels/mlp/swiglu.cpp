#include "kernels/mlp/swiglu.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const SwigluForward& args) {
  constexpr const char* kPlace = "swiglu_forward";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace, {{"gate", args.gate}, {"up", args.up}, {"y", args.y}});
}

void check(const SwigluBackward& args) {
  constexpr const char* kPlace = "swiglu_backward";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace,
                   {{"d_y", args.d_y},
                    {"gate", args.gate},
                    {"up", args.up},
                    {"d_gate", args.d_gate},
                    {"d_up", args.d_up}});
}

}  // namespace longhaul::kernels
