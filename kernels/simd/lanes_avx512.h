// Lanes on AVX-512 (F, BW, DQ, VL). Included by lanes.h alone.
#pragma once

#include <immintrin.h>

#include "kernels/simd/element_types.h"

namespace longhaul::kernels {
namespace {

struct Lanes {
  __m512 v;
};

LONGHAUL_LANES_INLINE Lanes splat(float x) {
  return {_mm512_set1_ps(x)};
}

LONGHAUL_LANES_INLINE Lanes load_full(const float* from) {
  return {_mm512_loadu_ps(from)};
}
LONGHAUL_LANES_INLINE Lanes load_full(const Bf16* from) {
  const __m512i wide =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}
LONGHAUL_LANES_INLINE Lanes load_full(const F16* from) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)))};
}

LONGHAUL_LANES_INLINE void store_full(float* to, Lanes x) {
  _mm512_storeu_ps(to, x.v);
}
// Nearest even by integer arithmetic: the bf16 instructions flush denormals.
LONGHAUL_LANES_INLINE void store_full(Bf16* to, Lanes x) {
  const __m512i bits = _mm512_castps_si512(x.v);
  const __m512i high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i bias = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, bias), 16);
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
  const __m512i result = _mm512_mask_or_epi32(rounded, is_nan, high, _mm512_set1_epi32(0x40));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(result));
}
LONGHAUL_LANES_INLINE void store_full(F16* to, Lanes x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

LONGHAUL_LANES_INLINE Lanes operator+(Lanes a, Lanes b) {
  return {_mm512_add_ps(a.v, b.v)};
}
LONGHAUL_LANES_INLINE Lanes operator-(Lanes a, Lanes b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
LONGHAUL_LANES_INLINE Lanes operator*(Lanes a, Lanes b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
LONGHAUL_LANES_INLINE Lanes operator/(Lanes a, Lanes b) {
  return {_mm512_div_ps(a.v, b.v)};
}
// a * b + c and c - a * b, rounded once.
LONGHAUL_LANES_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
LONGHAUL_LANES_INLINE Lanes fnma(Lanes a, Lanes b, Lanes c) {
  return {_mm512_fnmadd_ps(a.v, b.v, c.v)};
}
LONGHAUL_LANES_INLINE Lanes sqrt(Lanes a) {
  return {_mm512_sqrt_ps(a.v)};
}
LONGHAUL_LANES_INLINE Lanes abs(Lanes a) {
  return {_mm512_abs_ps(a.v)};
}
// The second operand where either is NaN.
LONGHAUL_LANES_INLINE Lanes max(Lanes a, Lanes b) {
  return {_mm512_max_ps(a.v, b.v)};
}
LONGHAUL_LANES_INLINE Lanes min(Lanes a, Lanes b) {
  return {_mm512_min_ps(a.v, b.v)};
}
LONGHAUL_LANES_INLINE Lanes round_even(Lanes a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a < 0 ? x : y; y where a is NaN.
LONGHAUL_LANES_INLINE Lanes select_negative(Lanes a, Lanes x, Lanes y) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, _mm512_setzero_ps(), _CMP_LT_OQ), y.v, x.v)};
}
// a * 2^n for integers |n| <= 252, with a in [0.5, 2): rounded once where the result is denormal.
LONGHAUL_LANES_INLINE Lanes scale_by_power(Lanes a, Lanes n) {
  return {_mm512_scalef_ps(a.v, n.v)};
}

// Lanes added pairwise: i and i + 8, then i + 4, i + 2, i + 1.
LONGHAUL_LANES_INLINE float sum_of_lanes(Lanes a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
LONGHAUL_LANES_INLINE float max_of_lanes(Lanes a) {
  return _mm512_reduce_max_ps(a.v);
}
// Lanes that are NaN or infinite.
LONGHAUL_LANES_INLINE int count_nonfinite(Lanes a) {
  constexpr int kNanOrInfinity = 0x01 | 0x80 | 0x08 | 0x10;
  return __builtin_popcount(_mm512_fpclass_ps_mask(a.v, kNanOrInfinity));
}

// (weight << 16) + remainder, and back: optim/master.h.
LONGHAUL_LANES_INLINE Lanes join_master_lanes(const std::uint16_t* weight,
                                              const std::int16_t* remainder) {
  const __m512i w =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(weight)));
  const __m512i r =
      _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(remainder)));
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(w, 16), r))};
}
LONGHAUL_LANES_INLINE void split_master_lanes(Lanes master,
                                              std::uint16_t* weight,
                                              std::int16_t* remainder) {
  const __m512i bits = _mm512_castps_si512(master.v);
  const __m512i w = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x8000)), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(weight), _mm512_cvtepi32_epi16(w));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(remainder), _mm512_cvtepi32_epi16(bits));
}

// Sixteen fp64 sums.
struct DoubleLanes {
  __m512d low;
  __m512d high;
};
LONGHAUL_LANES_INLINE DoubleLanes zero_doubles() {
  return {_mm512_setzero_pd(), _mm512_setzero_pd()};
}
LONGHAUL_LANES_INLINE DoubleLanes widen(Lanes x) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(x.v)),
          _mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1))};
}
LONGHAUL_LANES_INLINE void add_to(DoubleLanes& sum, Lanes x) {
  const DoubleLanes wide = widen(x);
  sum.low = _mm512_add_pd(sum.low, wide.low);
  sum.high = _mm512_add_pd(sum.high, wide.high);
}
// The products are exact, so fma and multiply-add round alike.
LONGHAUL_LANES_INLINE void add_squares_to(DoubleLanes& sum, Lanes x) {
  const DoubleLanes wide = widen(x);
  sum.low = _mm512_fmadd_pd(wide.low, wide.low, sum.low);
  sum.high = _mm512_fmadd_pd(wide.high, wide.high, sum.high);
}
LONGHAUL_LANES_INLINE void store_doubles(double* to, DoubleLanes x) {
  _mm512_storeu_pd(to, x.low);
  _mm512_storeu_pd(to + 8, x.high);
}

}  // namespace
}  // namespace longhaul::kernels
