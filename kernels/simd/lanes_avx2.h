// Lanes on AVX2 with FMA and F16C: two registers of eight. Included by lanes.h alone.
#pragma once

#include <immintrin.h>

#include "kernels/simd/element_types.h"

namespace longhaul::kernels {
namespace {

struct Lanes {
  __m256 low;
  __m256 high;
};

LONGHAUL_LANES_INLINE Lanes splat(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

LONGHAUL_LANES_INLINE __m128i load_eight(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
LONGHAUL_LANES_INLINE void store_eight(void* to, __m128i x) {
  _mm_storeu_si128(static_cast<__m128i*>(to), x);
}

LONGHAUL_LANES_INLINE Lanes load_full(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
LONGHAUL_LANES_INLINE __m256 widen_bf16(__m128i bits) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
LONGHAUL_LANES_INLINE Lanes load_full(const Bf16* from) {
  return {widen_bf16(load_eight(from)), widen_bf16(load_eight(from + 8))};
}
LONGHAUL_LANES_INLINE Lanes load_full(const F16* from) {
  return {_mm256_cvtph_ps(load_eight(from)), _mm256_cvtph_ps(load_eight(from + 8))};
}

LONGHAUL_LANES_INLINE void store_full(float* to, Lanes x) {
  _mm256_storeu_ps(to, x.low);
  _mm256_storeu_ps(to + 8, x.high);
}
// The low 16 bits of eight 32-bit numbers below 2^16.
LONGHAUL_LANES_INLINE __m128i narrow(__m256i x) {
  return _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}
LONGHAUL_LANES_INLINE __m128i round_bf16(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i bias = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, bias), 16);
  const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  return narrow(_mm256_blendv_epi8(rounded, quiet, is_nan));
}
LONGHAUL_LANES_INLINE void store_full(Bf16* to, Lanes x) {
  store_eight(to, round_bf16(x.low));
  store_eight(to + 8, round_bf16(x.high));
}
LONGHAUL_LANES_INLINE void store_full(F16* to, Lanes x) {
  store_eight(to, _mm256_cvtps_ph(x.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  store_eight(to + 8, _mm256_cvtps_ph(x.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

LONGHAUL_LANES_INLINE Lanes operator+(Lanes a, Lanes b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
LONGHAUL_LANES_INLINE Lanes operator-(Lanes a, Lanes b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
LONGHAUL_LANES_INLINE Lanes operator*(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
LONGHAUL_LANES_INLINE Lanes operator/(Lanes a, Lanes b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
// a * b + c and c - a * b, rounded once.
LONGHAUL_LANES_INLINE Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
LONGHAUL_LANES_INLINE Lanes fnma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}
LONGHAUL_LANES_INLINE Lanes sqrt(Lanes a) {
  return {_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)};
}
LONGHAUL_LANES_INLINE Lanes abs(Lanes a) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
// The second operand where either is NaN.
LONGHAUL_LANES_INLINE Lanes max(Lanes a, Lanes b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
LONGHAUL_LANES_INLINE Lanes min(Lanes a, Lanes b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
LONGHAUL_LANES_INLINE Lanes round_even(Lanes a) {
  return {_mm256_round_ps(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
          _mm256_round_ps(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a < 0 ? x : y; y where a is NaN.
LONGHAUL_LANES_INLINE Lanes select_negative(Lanes a, Lanes x, Lanes y) {
  const __m256 zero = _mm256_setzero_ps();
  return {_mm256_blendv_ps(y.low, x.low, _mm256_cmp_ps(a.low, zero, _CMP_LT_OQ)),
          _mm256_blendv_ps(y.high, x.high, _mm256_cmp_ps(a.high, zero, _CMP_LT_OQ))};
}
// In two exact halves, of which only the last can round.
LONGHAUL_LANES_INLINE __m256 scale_eight_by_power(__m256 a, __m256 n) {
  const __m256i power = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(power, 1);
  const __m256i rest = _mm256_sub_epi32(power, half);
  const __m256i one = _mm256_set1_epi32(127);
  const __m256 low = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, one), 23));
  const __m256 high = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, one), 23));
  return _mm256_mul_ps(_mm256_mul_ps(a, low), high);
}
// a * 2^n for integers |n| <= 252, with a in [0.5, 2): rounded once where the result is denormal.
LONGHAUL_LANES_INLINE Lanes scale_by_power(Lanes a, Lanes n) {
  return {scale_eight_by_power(a.low, n.low), scale_eight_by_power(a.high, n.high)};
}

// Lanes added pairwise: i and i + 8, then i + 4, i + 2, i + 1.
LONGHAUL_LANES_INLINE float sum_of_lanes(Lanes a) {
  const __m256 eight = _mm256_add_ps(a.low, a.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
LONGHAUL_LANES_INLINE float max_of_lanes(Lanes a) {
  const __m256 eight = _mm256_max_ps(a.low, a.high);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
LONGHAUL_LANES_INLINE int count_nonfinite_eight(__m256 a) {
  const __m256i exponent = _mm256_set1_epi32(0x7F800000);
  const __m256i masked = _mm256_and_si256(_mm256_castps_si256(a), exponent);
  const __m256i hits = _mm256_cmpeq_epi32(masked, exponent);
  return __builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(hits))));
}
// Lanes that are NaN or infinite.
LONGHAUL_LANES_INLINE int count_nonfinite(Lanes a) {
  return count_nonfinite_eight(a.low) + count_nonfinite_eight(a.high);
}

LONGHAUL_LANES_INLINE __m256 join_eight(const std::uint16_t* weight,
                                        const std::int16_t* remainder) {
  const __m256i high = _mm256_slli_epi32(_mm256_cvtepu16_epi32(load_eight(weight)), 16);
  return _mm256_castsi256_ps(_mm256_add_epi32(high, _mm256_cvtepi16_epi32(load_eight(remainder))));
}
LONGHAUL_LANES_INLINE void split_eight(__m256 master,
                                       std::uint16_t* weight,
                                       std::int16_t* remainder) {
  const __m256i bits = _mm256_castps_si256(master);
  store_eight(weight,
              narrow(_mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x8000)), 16)));
  store_eight(remainder, narrow(_mm256_and_si256(bits, _mm256_set1_epi32(0xFFFF))));
}
// (weight << 16) + remainder, and back: optim/master.h.
LONGHAUL_LANES_INLINE Lanes join_master_lanes(const std::uint16_t* weight,
                                              const std::int16_t* remainder) {
  return {join_eight(weight, remainder), join_eight(weight + 8, remainder + 8)};
}
LONGHAUL_LANES_INLINE void split_master_lanes(Lanes master,
                                              std::uint16_t* weight,
                                              std::int16_t* remainder) {
  split_eight(master.low, weight, remainder);
  split_eight(master.high, weight + 8, remainder + 8);
}

// Sixteen fp64 sums.
struct DoubleLanes {
  __m256d v[4];
};
LONGHAUL_LANES_INLINE DoubleLanes zero_doubles() {
  return {{_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()}};
}
LONGHAUL_LANES_INLINE DoubleLanes widen(Lanes x) {
  return {{_mm256_cvtps_pd(_mm256_castps256_ps128(x.low)),
           _mm256_cvtps_pd(_mm256_extractf128_ps(x.low, 1)),
           _mm256_cvtps_pd(_mm256_castps256_ps128(x.high)),
           _mm256_cvtps_pd(_mm256_extractf128_ps(x.high, 1))}};
}
LONGHAUL_LANES_INLINE void add_to(DoubleLanes& sum, Lanes x) {
  const DoubleLanes wide = widen(x);
  for (int i = 0; i < 4; ++i) sum.v[i] = _mm256_add_pd(sum.v[i], wide.v[i]);
}
// The products are exact, so fma and multiply-add round alike.
LONGHAUL_LANES_INLINE void add_squares_to(DoubleLanes& sum, Lanes x) {
  const DoubleLanes wide = widen(x);
  for (int i = 0; i < 4; ++i) sum.v[i] = _mm256_fmadd_pd(wide.v[i], wide.v[i], sum.v[i]);
}
LONGHAUL_LANES_INLINE void store_doubles(double* to, DoubleLanes x) {
  for (std::int64_t i = 0; i < 4; ++i) _mm256_storeu_pd(to + 4 * i, x.v[i]);
}

}  // namespace
}  // namespace longhaul::kernels
