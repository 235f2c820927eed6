#include "kernels/elementwise/add.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const Add& args) {
  constexpr const char* kPlace = "add";
  require_count(kPlace, args.count);
  require_float(kPlace, args.dtype);
  if (args.count == 0) return;
  require_pointers(kPlace, {{"a", args.a}, {"b", args.b}, {"y", args.y}});
}

}  // namespace longhaul::kernels
