// Loops of the host bodies over chunks of fixed size, shared among the threads of a launch.
// Internal linkage: see lanes.h.
#pragma once

#include <cstdint>

#include "longhaul/core/thread_pool.h"

#include "kernels/launch.h"
#include "kernels/simd/lanes.h"

namespace longhaul::kernels {
namespace {

// Elements per chunk of an elementwise loop: 64 KiB of fp32, long against the cost of claiming it.
inline constexpr std::int64_t kElementsPerChunk = 16384;
// Rows per chunk of a loop over independent rows.
inline constexpr std::int64_t kRowsPerTask = 16;

// Calls body(first, last) for consecutive chunks of [0, count).
template <class Body>
void for_chunks(const Launch& launch, std::int64_t count, std::int64_t length, Body body) {
  launch.pool->parallel_for(chunk_count(count, length), [&](std::int64_t chunk, int) {
    const std::int64_t first = chunk * length;
    const std::int64_t end = first + length;
    body(first, end < count ? end : count);
  });
}

// Calls body(i, Full or Part) for the vectors of [0, count).
template <class Body>
void for_elements(const Launch& launch, std::int64_t count, Body body) {
  for_chunks(launch, count, kElementsPerChunk, [&](std::int64_t first, std::int64_t last) {
    for_lanes(first, last, body);
  });
}

}  // namespace
}  // namespace longhaul::kernels
