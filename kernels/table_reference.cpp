#include "kernels/table.h"
#include "kernels/table_entries.h"

namespace longhaul::kernels {

const KernelTable& reference_kernels() {
  static constexpr KernelTable kTable LONGHAUL_KERNEL_TABLE(reference);
  return kTable;
}

}  // namespace longhaul::kernels
