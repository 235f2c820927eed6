#include "io/checksum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace longhaul {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
// Each step of a lane waits for a multiplication; four lanes keep the multiplier busy.
constexpr std::size_t kLanes = 4;
// Odd, so that multiplying by it loses nothing; bits without a pattern (digits of pi, e, phi, ...).
constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
constexpr std::array<std::uint64_t, kLanes> kStart{
    0x243F6A8885A308D3, 0xB7E151628AED2A6A, 0x6A09E667F3BCC908, 0x93C467E37DB0C7A4};

// Invertible in `state` for any word and in `word` for any state: a difference never vanishes
// within a lane unless a later word of it differs too.
constexpr std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  return std::rotl(state ^ word, 29) * kFactor;
}

std::uint64_t word_at(const std::byte* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, kWord);
  return word;
}

}  // namespace

std::uint64_t checksum_of(std::span<const std::byte> bytes) {
  std::uint64_t a = kStart[0];
  std::uint64_t b = kStart[1];
  std::uint64_t c = kStart[2];
  std::uint64_t d = kStart[3];
  const std::byte* next = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kLanes * kWord; next += kLanes * kWord, left -= kLanes * kWord) {
    a = mix(a, word_at(next));
    b = mix(b, word_at(next + kWord));
    c = mix(c, word_at(next + 2 * kWord));
    d = mix(d, word_at(next + 3 * kWord));
  }
  for (; left > 0; next += std::min(left, kWord), left -= std::min(left, kWord)) {
    std::uint64_t word = 0;
    std::memcpy(&word, next, std::min(left, kWord));
    a = mix(a, word);
  }
  std::uint64_t sum = mix(a, bytes.size());
  for (const std::uint64_t lane : {b, c, d}) sum = mix(sum, lane);
  return sum ^ (sum >> 32);
}

}  // namespace longhaul
