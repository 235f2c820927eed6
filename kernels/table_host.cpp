#include "kernels/table.h"

namespace longhaul::kernels {

const KernelTable& host_kernels() {
  if (is_available(InstructionSet::kAvx512)) return host_kernels(InstructionSet::kAvx512);
  if (is_available(InstructionSet::kAvx2)) return host_kernels(InstructionSet::kAvx2);
  return host_kernels(InstructionSet::kPortable);
}

}  // namespace longhaul::kernels
