// The element types of arrays in the host bodies. Internal linkage: see lanes.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "longhaul/core/dtype.h"

#define LONGHAUL_LANES_INLINE [[gnu::always_inline]] inline

namespace longhaul::kernels {
namespace {

inline constexpr std::int64_t kLanes = 16;

struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};

// Calls body with a null pointer of the element type that `dtype` names: float or Bf16.
template <class Body>
LONGHAUL_LANES_INLINE void with_element_type(DType dtype, Body body) {
  if (dtype == DType::kF32) {
    body(static_cast<const float*>(nullptr));
  } else {
    body(static_cast<const Bf16*>(nullptr));
  }
}

}  // namespace
}  // namespace longhaul::kernels
