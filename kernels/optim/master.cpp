#include "kernels/optim/master.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const MasterSplit& args) {
  constexpr const char* kPlace = "master_split";
  require_count(kPlace, args.count);
  if (args.count == 0) return;
  require_pointers(
      kPlace, {{"master", args.master}, {"weight", args.weight}, {"remainder", args.remainder}});
}

void check(const MasterJoin& args) {
  constexpr const char* kPlace = "master_join";
  require_count(kPlace, args.count);
  if (args.count == 0) return;
  require_pointers(
      kPlace, {{"weight", args.weight}, {"remainder", args.remainder}, {"master", args.master}});
}

}  // namespace longhaul::kernels
