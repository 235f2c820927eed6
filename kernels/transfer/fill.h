// Zero bytes: +0 of every dtype.
#pragma once

#include <cstdint>

#include "kernels/launch.h"

namespace longhaul::kernels {

struct FillZero {
  void* y;             // [bytes]
  std::int64_t bytes;  // written
};

// Throws InvalidArgument for a negative size or a missing pointer.
void check(const FillZero& args);

LONGHAUL_DECLARE_KERNEL(fill_zero, FillZero);

}  // namespace longhaul::kernels
