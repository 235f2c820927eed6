#include <cstring>

#include "kernels/transfer/fill.h"

namespace longhaul::kernels {

void fill_zero_reference(const FillZero& args, const Launch&) {
  check(args);
  if (args.bytes > 0) std::memset(args.y, 0, static_cast<std::size_t>(args.bytes));
}

}  // namespace longhaul::kernels
