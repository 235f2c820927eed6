#include "kernels/transfer/cast.h"

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {
namespace {

void require_castable(const char* name, DType dtype) {
  require(dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16,
          "cast: ",
          name,
          " is ",
          name_of(dtype),
          ", expected fp32, bf16 or fp16");
}

}  // namespace

void check(const Cast& args) {
  require_count("cast", args.count);
  require_castable("from", args.from);
  require_castable("to", args.to);
  if (args.count == 0) return;
  require_pointers("cast", {{"x", args.x}, {"y", args.y}});
}

}  // namespace longhaul::kernels
