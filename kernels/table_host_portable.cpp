#include "kernels/table.h"

#include "longhaul/core/error.h"

#include "kernels/table_entries.h"

namespace longhaul::kernels {

bool is_available(InstructionSet set) {
  return set == InstructionSet::kPortable;
}

const KernelTable& host_kernels(InstructionSet set) {
  static constexpr KernelTable kPortable LONGHAUL_KERNEL_TABLE(portable);
  if (!is_available(set)) {
    throw DeviceError("host_kernels: this build is not for a processor of that instruction set");
  }
  return kPortable;
}

}  // namespace longhaul::kernels
