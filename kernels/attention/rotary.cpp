#include "kernels/attention/rotary.h"

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const Rotary& args) {
  constexpr const char* kPlace = "rotary";
  require_rows(kPlace, args.tokens, args.heads);
  require_rows(kPlace, args.tokens, args.head_dim);
  require_float(kPlace, args.dtype);
  require(args.rotary_dim >= 2 && args.rotary_dim % 2 == 0 && args.rotary_dim <= args.head_dim,
          kPlace,
          ": rotary_dim is ",
          args.rotary_dim,
          ", expected an even number from 2 to head_dim = ",
          args.head_dim);
  if (args.tokens == 0) return;
  require_pointers(kPlace,
                   {{"x", args.x},
                    {"y", args.y},
                    {"cos", args.cos},
                    {"sin", args.sin},
                    {"positions", args.positions}});
}

}  // namespace longhaul::kernels
