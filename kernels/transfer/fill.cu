#include "cuda/check.h"
#include "kernels/transfer/fill.h"

namespace longhaul::kernels {

void fill_zero_cuda(const FillZero& args, const Launch& launch) {
  check(args);
  if (args.bytes == 0) return;
  LONGHAUL_CUDA_CHECK(cudaMemsetAsync(
      args.y, 0, static_cast<std::size_t>(args.bytes), static_cast<cudaStream_t>(launch.stream)));
}

}  // namespace longhaul::kernels
