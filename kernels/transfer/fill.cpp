#include "kernels/transfer/fill.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const FillZero& args) {
  require_count("fill_zero", args.bytes);
  if (args.bytes == 0) return;
  require_pointers("fill_zero", {{"y", args.y}});
}

}  // namespace longhaul::kernels
