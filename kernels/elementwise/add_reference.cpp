#include "kernels/element.h"
#include "kernels/elementwise/add.h"

namespace longhaul::kernels {

void add_reference(const Add& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const float sum = load_element(args.a, i, args.dtype) + load_element(args.b, i, args.dtype);
    store_element(args.y, i, args.dtype, sum);
  }
}

}  // namespace longhaul::kernels
