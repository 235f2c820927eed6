#include "io/checksum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace longhaul {
namespace {

// One vector of the widest instructions; narrower ones take several registers for it.
constexpr std::size_t kLanes = 8;
using Lanes [[gnu::vector_size(kLanes * sizeof(std::uint64_t))]] = std::uint64_t;
// Keeps as many cache lines on their way from memory as a core can.
constexpr std::size_t kAhead = 4096;
// Odd, so that multiplying by it loses nothing.
constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;

constexpr std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  return std::rotl(state ^ word, 29) * kFactor;
}

template <int kBits>
[[gnu::always_inline]] inline void rotate(Lanes& lanes) {
  lanes = (lanes << kBits) | (lanes >> (64 - kBits));
}

// Word i belongs to lane i mod 8. Each lane has two sums,
//
//   first  = rotate(first, 29) + word
//   second = rotate(second + first, 41)
//
// and each is invertible in what it holds and in what it gets. So a change of one word leaves both
// sums different; to vanish from the first, a later word must change by exactly what the rotations
// made of the difference, and the second has by then taken in every difference of the first.
[[gnu::always_inline]] inline std::uint64_t sum(const std::byte* bytes, std::size_t size) {
  // Bits without a pattern (digits of pi, e and square roots).
  Lanes first{0x243F6A8885A308D3,
              0xB7E151628AED2A6A,
              0x6A09E667F3BCC908,
              0xBB67AE8584CAA73B,
              0x3C6EF372FE94F82B,
              0xA54FF53A5F1D36F1,
              0x510E527FADE682D1,
              0x9B05688C2B3E6C1F};
  Lanes second = ~first;
  const auto add = [&](const std::byte* from, std::size_t count) __attribute__((always_inline)) {
    Lanes words{};
    std::memcpy(&words, from, count);
    rotate<29>(first);
    first += words;
    second += first;
    rotate<41>(second);
  };
  const std::byte* end = bytes + size / sizeof(Lanes) * sizeof(Lanes);
  for (; bytes != end; bytes += sizeof(Lanes)) {
    __builtin_prefetch(bytes + kAhead);
    add(bytes, sizeof(Lanes));
  }
  if (const std::size_t rest = size % sizeof(Lanes); rest > 0) add(bytes, rest);
  std::uint64_t folded = mix(kFactor, size);
  for (std::size_t i = 0; i < kLanes; ++i) folded = mix(mix(folded, first[i]), second[i]);
  return folded ^ (folded >> 32);
}

using Body = std::uint64_t (*)(const std::byte*, std::size_t);

std::uint64_t sum_portable(const std::byte* bytes, std::size_t size) {
  return sum(bytes, size);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] std::uint64_t sum_avx2(const std::byte* bytes, std::size_t size) {
  return sum(bytes, size);
}

[[gnu::target("avx512f")]] std::uint64_t sum_avx512(const std::byte* bytes, std::size_t size) {
  return sum(bytes, size);
}

Body choose_body() {
  if (__builtin_cpu_supports("avx512f")) return sum_avx512;
  return __builtin_cpu_supports("avx2") ? sum_avx2 : sum_portable;
}
#else
Body choose_body() {
  return sum_portable;
}
#endif

}  // namespace

std::uint64_t checksum_of(std::span<const std::byte> bytes) {
  static const Body body = choose_body();
  return body(bytes.data(), bytes.size());
}

}  // namespace longhaul
