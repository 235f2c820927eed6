#include "kernels/table.h"

namespace longhaul::kernels {

const KernelTable& host_kernels() {
  return reference_kernels();
}

}  // namespace longhaul::kernels
