#include "longhaul/core/error.h"

#include "kernels/table.h"

namespace longhaul::kernels {

const KernelTable& cuda_kernels() {
  throw DeviceError("cuda_kernels: this build has no CUDA support");
}

}  // namespace longhaul::kernels
