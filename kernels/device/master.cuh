// fp32 masters joined from their bf16 weights and remainders, and split again: optim/master.h.
#pragma once

#include "kernels/device/element.cuh"

namespace longhaul::kernels {

template <int kCount>
__device__ void load_master(const std::uint16_t* weight,
                            const std::int16_t* remainder,
                            float (&to)[kCount]) {
  const auto w = *reinterpret_cast<const Pack<std::uint16_t, kCount>*>(weight);
  const auto r = *reinterpret_cast<const Pack<std::int16_t, kCount>*>(remainder);
  for (int k = 0; k < kCount; ++k) {
    const auto low = static_cast<std::uint32_t>(static_cast<std::int32_t>(r.elements[k]));
    to[k] = __uint_as_float((static_cast<std::uint32_t>(w.elements[k]) << 16) + low);
  }
}

template <int kCount>
__device__ void store_master(const float (&from)[kCount],
                             std::uint16_t* weight,
                             std::int16_t* remainder) {
  Pack<std::uint16_t, kCount> w;
  Pack<std::int16_t, kCount> r;
  for (int k = 0; k < kCount; ++k) {
    const std::uint32_t bits = __float_as_uint(from[k]);
    w.elements[k] = static_cast<std::uint16_t>((bits + 0x8000U) >> 16);
    r.elements[k] = static_cast<std::int16_t>(static_cast<std::uint16_t>(bits));
  }
  *reinterpret_cast<Pack<std::uint16_t, kCount>*>(weight) = w;
  *reinterpret_cast<Pack<std::int16_t, kCount>*>(remainder) = r;
}

}  // namespace longhaul::kernels
