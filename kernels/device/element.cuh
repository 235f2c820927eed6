// Elements of arrays in device memory: fp32, bf16 and fp16, one or four at a time.
#pragma once

#include <cstdint>

#include <cuda_fp16.h>

namespace longhaul::kernels {

struct Bf16 {
  std::uint16_t bits;
};

__device__ inline float to_float(float x) {
  return x;
}
__device__ inline float to_float(Bf16 x) {
  return __uint_as_float(static_cast<std::uint32_t>(x.bits) << 16);
}
__device__ inline float to_float(__half x) {
  return __half2float(x);
}

__device__ inline void assign(float& to, float x) {
  to = x;
}
// Nearest even; NaN keeps its upper bits and becomes quiet, as on the host.
__device__ inline void assign(Bf16& to, float x) {
  const std::uint32_t bits = __float_as_uint(x);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  to.bits = static_cast<std::uint16_t>(isnan(x) ? (bits >> 16) | 0x40U : rounded);
}
__device__ inline void assign(__half& to, float x) {
  to = __float2half_rn(x);
}

// What `x` becomes when it is stored as T and read back.
template <class T>
__device__ float round_to(float x) {
  T stored;
  assign(stored, x);
  return to_float(stored);
}

// `kCount` (1 or 4) elements moved by one instruction; four need alignment to four elements.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T elements[kCount];
};

template <int kCount, class T>
__device__ void load(const T* from, float (&to)[kCount]) {
  const Pack<T, kCount> pack = *reinterpret_cast<const Pack<T, kCount>*>(from);
#pragma unroll
  for (int k = 0; k < kCount; ++k) to[k] = to_float(pack.elements[k]);
}

template <int kCount, class T>
__device__ void store(T* to, const float (&from)[kCount]) {
  Pack<T, kCount> pack;
#pragma unroll
  for (int k = 0; k < kCount; ++k) assign(pack.elements[k], from[k]);
  *reinterpret_cast<Pack<T, kCount>*>(to) = pack;
}

}  // namespace longhaul::kernels
