#include "kernels/attention/softmax_tile.h"

#include "kernels/table.h"

namespace longhaul::kernels {
namespace {

SoftmaxTileKernels choose() {
#if defined(__x86_64__)
  if (is_available(InstructionSet::kAvx512)) {
    return {softmax_tile_avx512, softmax_rows_avx512, softmax_gradient_tile_avx512};
  }
  if (is_available(InstructionSet::kAvx2)) {
    return {softmax_tile_avx2, softmax_rows_avx2, softmax_gradient_tile_avx2};
  }
#endif
  return {softmax_tile_portable, softmax_rows_portable, softmax_gradient_tile_portable};
}

}  // namespace

const SoftmaxTileKernels& softmax_tile_kernels() {
  static const SoftmaxTileKernels kernels = choose();
  return kernels;
}

}  // namespace longhaul::kernels
