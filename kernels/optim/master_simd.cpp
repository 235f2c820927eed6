#include "kernels/optim/master.h"
#include "kernels/simd/master_lanes.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {

void LONGHAUL_SIMD_BODY(master_split)(const MasterSplit& args, const Launch& launch) {
  check(args);
  for_elements(launch, args.count, [&](std::int64_t i, auto span) {
    store_master(load(args.master + i, span), args.weight + i, args.remainder + i, span);
  });
}

void LONGHAUL_SIMD_BODY(master_join)(const MasterJoin& args, const Launch& launch) {
  check(args);
  for_elements(launch, args.count, [&](std::int64_t i, auto span) {
    store(args.master + i, load_master(args.weight + i, args.remainder + i, span), span);
  });
}

}  // namespace longhaul::kernels
