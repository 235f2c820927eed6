#include "kernels/check.h"

#include "longhaul/core/error.h"

namespace longhaul::kernels {

void require_pointers(const char* place, std::initializer_list<NamedPointer> pointers) {
  for (const NamedPointer& argument : pointers) {
    require(argument.pointer != nullptr, place, ": ", argument.name, " is null");
  }
}

void require_count(const char* place, std::int64_t count) {
  require(count >= 0, place, ": count is ", count, ", expected at least 0");
}

void require_rows(const char* place, std::int64_t rows, std::int64_t width) {
  require(rows >= 0, place, ": rows is ", rows, ", expected at least 0");
  require(width >= 1, place, ": width is ", width, ", expected at least 1");
}

void require_float(const char* place, DType dtype) {
  require(dtype == DType::kF32 || dtype == DType::kBF16,
          place,
          ": dtype is ",
          name_of(dtype),
          ", expected fp32 or bf16");
}

}  // namespace longhaul::kernels
