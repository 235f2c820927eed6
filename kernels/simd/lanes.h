// Sixteen numbers side by side: what the host bodies compute with. Every instruction set offers the
// same operations with the same bits (IEEE operations and the same written order), so a body
// written once gives the same results everywhere.
//
// The sources that include this are compiled once per instruction set into one library. Hence
// everything here has internal linkage, and those sources use no inline function of other headers:
// a shared inline function compiled with AVX-512 might be the one that the linker keeps for all.
// tests/kernels/simd_symbols_test.cmake watches over this.
#pragma once

#include <cstdint>

#include "kernels/simd/element_types.h"

#if defined(__AVX512F__)
#include "kernels/simd/lanes_avx512.h"
#define LONGHAUL_SIMD_BODY(name) name##_avx512
#elif defined(__AVX2__)
#include "kernels/simd/lanes_avx2.h"
#define LONGHAUL_SIMD_BODY(name) name##_avx2
#else
#include "kernels/simd/lanes_portable.h"
#define LONGHAUL_SIMD_BODY(name) name##_portable
#endif

namespace longhaul::kernels {
namespace {

// How many of the sixteen elements a load or a store touches: all of them, or the first `count`.
// Lanes beyond are zero after a load. A loop body is a generic lambda that takes either, so that
// full vectors pay nothing for the tail.
struct Full {};
struct Part {
  int count;  // 1 ... 15
};

template <class T>
LONGHAUL_LANES_INLINE Lanes load(const T* from, Full) {
  return load_full(from);
}

template <class T>
LONGHAUL_LANES_INLINE Lanes load(const T* from, Part part) {
  alignas(64) T buffer[kLanes] = {};
  __builtin_memcpy(buffer, from, static_cast<std::size_t>(part.count) * sizeof(T));
  return load_full(static_cast<const T*>(buffer));
}

template <class T>
LONGHAUL_LANES_INLINE void store(T* to, Lanes x, Full) {
  store_full(to, x);
}

template <class T>
LONGHAUL_LANES_INLINE void store(T* to, Lanes x, Part part) {
  alignas(64) T buffer[kLanes];
  store_full(static_cast<T*>(buffer), x);
  __builtin_memcpy(to, buffer, static_cast<std::size_t>(part.count) * sizeof(T));
}

// `x`, with the lanes that the load did not touch replaced by `filler`.
LONGHAUL_LANES_INLINE Lanes keep(Lanes x, Full, float) {
  return x;
}
LONGHAUL_LANES_INLINE Lanes keep(Lanes x, Part part, float filler) {
  alignas(64) float buffer[kLanes];
  store_full(static_cast<float*>(buffer), x);
  for (int i = part.count; i < kLanes; ++i) buffer[i] = filler;
  return load_full(static_cast<const float*>(buffer));
}

// What `x` becomes when it is stored as T and read back.
LONGHAUL_LANES_INLINE Lanes round_to(Lanes x, const float*) {
  return x;
}
LONGHAUL_LANES_INLINE Lanes round_to(Lanes x, const Bf16*) {
  alignas(64) Bf16 buffer[kLanes];
  store_full(static_cast<Bf16*>(buffer), x);
  return load_full(static_cast<const Bf16*>(buffer));
}

// The first lane.
LONGHAUL_LANES_INLINE float first_lane(Lanes x) {
  alignas(64) float buffer[kLanes];
  store_full(static_cast<float*>(buffer), x);
  return buffer[0];
}

// Calls body(i, Full{}) for i = first, first + 16, ... and body(i, Part{n}) for what is left.
template <class Body>
LONGHAUL_LANES_INLINE void for_lanes(std::int64_t first, std::int64_t last, Body body) {
  std::int64_t i = first;
  for (; i + kLanes <= last; i += kLanes) body(i, Full{});
  if (i < last) body(i, Part{static_cast<int>(last - i)});
}

// The sum of term(i, Full or Part) over the vectors of [0, width) in one written order: vector k of
// each group of four is added to accumulator k, the vectors after the last whole group to
// accumulator 0; accumulators are added as (0 + 1) + (2 + 3), then the lanes pairwise.
// Terms are zero in lanes beyond `width`.
template <class Term>
LONGHAUL_LANES_INLINE float sum_of_row(std::int64_t width, Term term) {
  Lanes sums[4] = {splat(0.0F), splat(0.0F), splat(0.0F), splat(0.0F)};
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
    sums[0] = sums[0] + term(i, Full{});
    sums[1] = sums[1] + term(i + kLanes, Full{});
    sums[2] = sums[2] + term(i + 2 * kLanes, Full{});
    sums[3] = sums[3] + term(i + 3 * kLanes, Full{});
  }
  for_lanes(i, width, [&](std::int64_t at, auto span) { sums[0] = sums[0] + term(at, span); });
  return sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace
}  // namespace longhaul::kernels
