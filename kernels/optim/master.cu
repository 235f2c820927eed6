#include "kernels/device/elements.cuh"
#include "kernels/device/master.cuh"
#include "kernels/optim/master.h"

namespace longhaul::kernels {
namespace {

struct SplitBody {
  MasterSplit args;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float master[kCount];
    load(args.master + i, master);
    store_master(master, args.weight + i, args.remainder + i);
  }
};

struct JoinBody {
  MasterJoin args;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float master[kCount];
    load_master(args.weight + i, args.remainder + i, master);
    store(args.master + i, master);
  }
};

}  // namespace

void master_split_cuda(const MasterSplit& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  launch_elements(static_cast<cudaStream_t>(launch.stream),
                  args.count,
                  SplitBody{args},
                  {args.master, args.weight, args.remainder});
}

void master_join_cuda(const MasterJoin& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  launch_elements(static_cast<cudaStream_t>(launch.stream),
                  args.count,
                  JoinBody{args},
                  {args.master, args.weight, args.remainder});
}

}  // namespace longhaul::kernels
