// Lanes in standard C++, for processors without AVX2: loops of sixteen that compilers vectorise.
// Included by lanes.h alone.
#pragma once

#include "kernels/simd/element_types.h"

namespace longhaul::kernels {
namespace {

struct Lanes {
  float v[kLanes];
};

// out[i] = of(i)
template <class Of>
LONGHAUL_LANES_INLINE Lanes make_lanes(Of of) {
  Lanes out;
  for (int i = 0; i < kLanes; ++i) out.v[i] = of(i);
  return out;
}

LONGHAUL_LANES_INLINE std::uint32_t bits_of(float x) {
  return __builtin_bit_cast(std::uint32_t, x);
}
LONGHAUL_LANES_INLINE float float_of(std::uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}

LONGHAUL_LANES_INLINE Lanes splat(float x) {
  return make_lanes([=](int) { return x; });
}

LONGHAUL_LANES_INLINE Lanes load_full(const float* from) {
  return make_lanes([=](int i) { return from[i]; });
}
LONGHAUL_LANES_INLINE Lanes load_full(const Bf16* from) {
  return make_lanes(
      [=](int i) { return float_of(static_cast<std::uint32_t>(from[i].bits) << 16); });
}
// 2^112 rebiases the exponent and is exact for denormals too.
LONGHAUL_LANES_INLINE float widen_f16(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t magnitude = half & 0x7FFFU;
  if (magnitude > 0x7C00U) return float_of(sign | 0x7FC00000U | (magnitude << 13));
  if (magnitude == 0x7C00U) return float_of(sign | 0x7F800000U);
  return float_of(sign | bits_of(float_of(magnitude << 13) * 0x1p112F));
}
LONGHAUL_LANES_INLINE Lanes load_full(const F16* from) {
  return make_lanes([=](int i) { return widen_f16(from[i].bits); });
}

LONGHAUL_LANES_INLINE void store_full(float* to, Lanes x) {
  for (int i = 0; i < kLanes; ++i) to[i] = x.v[i];
}
LONGHAUL_LANES_INLINE void store_full(Bf16* to, Lanes x) {
  for (int i = 0; i < kLanes; ++i) {
    const std::uint32_t bits = bits_of(x.v[i]);
    const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
    const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    to[i].bits = static_cast<std::uint16_t>(is_nan ? (bits >> 16) | 0x40U : rounded);
  }
}
LONGHAUL_LANES_INLINE std::uint16_t round_f16(float x) {
  const std::uint32_t bits = bits_of(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) {
    return static_cast<std::uint16_t>(sign | 0x7E00U | ((magnitude >> 13) & 0x3FFU));
  }
  if (magnitude >= 0x47800000U) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (magnitude < 0x38800000U) {  // denormal in half: adding 0.5 lines the mantissa up and rounds
    return static_cast<std::uint16_t>(sign | (bits_of(float_of(magnitude) + 0.5F) - 0x3F000000U));
  }
  const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13));
}
LONGHAUL_LANES_INLINE void store_full(F16* to, Lanes x) {
  for (int i = 0; i < kLanes; ++i) to[i].bits = round_f16(x.v[i]);
}

LONGHAUL_LANES_INLINE Lanes operator+(Lanes a, Lanes b) {
  return make_lanes([&](int i) { return a.v[i] + b.v[i]; });
}
LONGHAUL_LANES_INLINE Lanes operator-(Lanes a, Lanes b) {
  return make_lanes([&](int i) { return a.v[i] - b.v[i]; });
}
LONGHAUL_LANES_INLINE Lanes operator*(Lanes a, Lanes b) {
  return make_lanes([&](int i) { return a.v[i] * b.v[i]; });
}
LONGHAUL_LANES_INLINE Lanes operator/(Lanes a, Lanes b) {
  return make_lanes([&](int i) { return a.v[i] / b.v[i]; });
}
// a * b + c and c - a * b, rounded once.
LONGHAUL_LANES_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) {
  return make_lanes([&](int i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
}
LONGHAUL_LANES_INLINE Lanes fnma(Lanes a, Lanes b, Lanes c) {
  return make_lanes([&](int i) { return __builtin_fmaf(-a.v[i], b.v[i], c.v[i]); });
}
LONGHAUL_LANES_INLINE Lanes sqrt(Lanes a) {
  return make_lanes([&](int i) { return __builtin_sqrtf(a.v[i]); });
}
LONGHAUL_LANES_INLINE Lanes abs(Lanes a) {
  return make_lanes([&](int i) { return __builtin_fabsf(a.v[i]); });
}
// The second operand where either is NaN.
LONGHAUL_LANES_INLINE Lanes max(Lanes a, Lanes b) {
  return make_lanes([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
LONGHAUL_LANES_INLINE Lanes min(Lanes a, Lanes b) {
  return make_lanes([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
LONGHAUL_LANES_INLINE Lanes round_even(Lanes a) {
  return make_lanes([&](int i) { return __builtin_rintf(a.v[i]); });
}
// a < 0 ? x : y; y where a is NaN.
LONGHAUL_LANES_INLINE Lanes select_negative(Lanes a, Lanes x, Lanes y) {
  return make_lanes([&](int i) { return a.v[i] < 0.0F ? x.v[i] : y.v[i]; });
}
// a * 2^n for integers |n| <= 252, with a in [0.5, 2): in two exact halves, of which only the last
// can round. NaN stays NaN.
LONGHAUL_LANES_INLINE Lanes scale_by_power(Lanes a, Lanes n) {
  return make_lanes([&](int i) {
    const bool is_nan = n.v[i] != n.v[i];
    const int power = is_nan ? 0 : static_cast<int>(n.v[i]);
    const int half = power >> 1;
    const float low = float_of(static_cast<std::uint32_t>(half + 127) << 23);
    const float high = float_of(static_cast<std::uint32_t>(power - half + 127) << 23);
    return a.v[i] * low * high;
  });
}

// Lanes added pairwise: i and i + 8, then i + 4, i + 2, i + 1.
LONGHAUL_LANES_INLINE float sum_of_lanes(Lanes a) {
  for (int half = 8; half >= 1; half /= 2) {
    for (int i = 0; i < half; ++i) a.v[i] += a.v[i + half];
  }
  return a.v[0];
}
LONGHAUL_LANES_INLINE float max_of_lanes(Lanes a) {
  for (int half = 8; half >= 1; half /= 2) {
    for (int i = 0; i < half; ++i) a.v[i] = a.v[i] > a.v[i + half] ? a.v[i] : a.v[i + half];
  }
  return a.v[0];
}
// Lanes that are NaN or infinite.
LONGHAUL_LANES_INLINE int count_nonfinite(Lanes a) {
  int count = 0;
  for (const float x : a.v) count += (bits_of(x) & 0x7F800000U) == 0x7F800000U ? 1 : 0;
  return count;
}

// (weight << 16) + remainder, and back: optim/master.h.
LONGHAUL_LANES_INLINE Lanes join_master_lanes(const std::uint16_t* weight,
                                              const std::int16_t* remainder) {
  return make_lanes([=](int i) {
    const auto low = static_cast<std::uint32_t>(static_cast<std::int32_t>(remainder[i]));
    return float_of((static_cast<std::uint32_t>(weight[i]) << 16) + low);
  });
}
LONGHAUL_LANES_INLINE void split_master_lanes(Lanes master,
                                              std::uint16_t* weight,
                                              std::int16_t* remainder) {
  for (int i = 0; i < kLanes; ++i) {
    const std::uint32_t bits = bits_of(master.v[i]);
    weight[i] = static_cast<std::uint16_t>((bits + 0x8000U) >> 16);
    remainder[i] = static_cast<std::int16_t>(static_cast<std::uint16_t>(bits));
  }
}

// Sixteen fp64 sums.
struct DoubleLanes {
  double v[kLanes];
};
LONGHAUL_LANES_INLINE DoubleLanes zero_doubles() {
  return {};
}
LONGHAUL_LANES_INLINE void add_to(DoubleLanes& sum, Lanes x) {
  for (int i = 0; i < kLanes; ++i) sum.v[i] += static_cast<double>(x.v[i]);
}
LONGHAUL_LANES_INLINE void add_squares_to(DoubleLanes& sum, Lanes x) {
  for (int i = 0; i < kLanes; ++i) {
    const double wide = x.v[i];
    sum.v[i] += wide * wide;
  }
}
LONGHAUL_LANES_INLINE void store_doubles(double* to, DoubleLanes x) {
  for (int i = 0; i < kLanes; ++i) to[i] = x.v[i];
}

}  // namespace
}  // namespace longhaul::kernels
