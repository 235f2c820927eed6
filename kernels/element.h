// One element of an array whose dtype is known at run time: what the reference loops read and
// write.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

namespace longhaul::kernels {

// Element `index` of an fp32, bf16 or fp16 array.
inline float load_element(const void* array, std::int64_t index, DType dtype) {
  if (dtype == DType::kF32) return static_cast<const float*>(array)[index];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(array)[index];
  return dtype == DType::kBF16 ? from_bf16(bits) : from_f16(bits);
}

// `value` rounded to nearest even.
inline void store_element(void* array, std::int64_t index, DType dtype, float value) {
  if (dtype == DType::kF32) {
    static_cast<float*>(array)[index] = value;
  } else {
    static_cast<std::uint16_t*>(array)[index] =
        dtype == DType::kBF16 ? to_bf16(value) : to_f16(value);
  }
}

// The fp32 value nearest to `value`, then rounded again to dtype: how a reference that computes
// in fp64 rounds.
inline void store_element(void* array, std::int64_t index, DType dtype, double value) {
  store_element(array, index, dtype, static_cast<float>(value));
}

// What `value` becomes when it is stored as dtype and read back.
inline float round_to(DType dtype, float value) {
  if (dtype == DType::kF32) return value;
  return dtype == DType::kBF16 ? from_bf16(to_bf16(value)) : from_f16(to_f16(value));
}

}  // namespace longhaul::kernels
