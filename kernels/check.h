// What the `check` functions of all kernels have in common. Each throws InvalidArgument with a
// message that begins with `place`, the kernel's name.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "longhaul/core/dtype.h"

namespace longhaul::kernels {

// A pointer argument and its name.
struct NamedPointer {
  const char* name;
  const void* pointer;
};

void require_pointers(const char* place, std::initializer_list<NamedPointer> pointers);
void require_count(const char* place, std::int64_t count);                    // >= 0
void require_rows(const char* place, std::int64_t rows, std::int64_t width);  // >= 0, >= 1
void require_float(const char* place, DType dtype);                           // fp32 or bf16

}  // namespace longhaul::kernels
