#include "kernels/element.h"
#include "kernels/transfer/cast.h"

namespace longhaul::kernels {

void cast_reference(const Cast& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    store_element(args.y, i, args.to, load_element(args.x, i, args.from));
  }
}

}  // namespace longhaul::kernels
