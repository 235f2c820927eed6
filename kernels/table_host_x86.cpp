#include <cpuid.h>

#include "longhaul/core/error.h"

#include "kernels/table.h"
#include "kernels/table_entries.h"

namespace longhaul::kernels {

namespace {

// clang 14 does not know the name for __builtin_cpu_supports.
bool has_f16c() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

}  // namespace

bool is_available(InstructionSet set) {
  const bool has_avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  switch (set) {
    case InstructionSet::kPortable: return true;
    case InstructionSet::kAvx2: return has_avx2;
    case InstructionSet::kAvx512:
      return has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  return false;
}

const KernelTable& host_kernels(InstructionSet set) {
  static constexpr KernelTable kPortable LONGHAUL_KERNEL_TABLE(portable);
  static constexpr KernelTable kAvx2 LONGHAUL_KERNEL_TABLE(avx2);
  static constexpr KernelTable kAvx512 LONGHAUL_KERNEL_TABLE(avx512);
  if (!is_available(set)) {
    throw DeviceError("host_kernels: this processor lacks the instruction set that was asked for");
  }
  switch (set) {
    case InstructionSet::kAvx2: return kAvx2;
    case InstructionSet::kAvx512: return kAvx512;
    default: return kPortable;
  }
}

}  // namespace longhaul::kernels
