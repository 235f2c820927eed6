#include <bit>

#include "kernels/optim/master.h"

namespace longhaul::kernels {

void master_split_reference(const MasterSplit& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(args.master[i]);
    args.weight[i] = master_weight(bits);
    args.remainder[i] = master_remainder(bits);
  }
}

void master_join_reference(const MasterJoin& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    args.master[i] = std::bit_cast<float>(join_master(args.weight[i], args.remainder[i]));
  }
}

}  // namespace longhaul::kernels
