#include "longhaul/optim/state_format.h"

namespace longhaul {

StateFormat adamw_format(Precision precision) {
  if (precision == Precision::kF32) {
    return {precision,
            {{"weight", DType::kF32}, {"momentum", DType::kF32}, {"variance", DType::kF32}}};
  }
  return {precision,
          {{"weight", DType::kBF16},
           {"remainder", DType::kI16},
           {"momentum", DType::kF32},
           {"variance", DType::kF32}}};
}

}  // namespace longhaul
