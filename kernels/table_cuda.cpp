#include "kernels/table.h"
#include "kernels/table_entries.h"

namespace longhaul::kernels {

const KernelTable& cuda_kernels() {
  static constexpr KernelTable kTable LONGHAUL_KERNEL_TABLE(cuda);
  return kTable;
}

}  // namespace longhaul::kernels
