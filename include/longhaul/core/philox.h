// Counter-based random numbers: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
// Philox4x32-10. A value depends on its key and counter alone, never on the order of calls.
#pragma once

#include <array>
#include <cstdint>

namespace longhaul {

using PhiloxKey = std::array<std::uint32_t, 2>;
using PhiloxCounter = std::array<std::uint32_t, 4>;

// Ten rounds; the output is a permutation of the counter under the key.
std::array<std::uint32_t, 4> philox4x32(PhiloxCounter counter, PhiloxKey key);

// A stream of numbers for one purpose, numbered from 0: (seed, purpose, element).
class Philox {
 public:
  constexpr Philox(std::uint64_t seed, std::uint64_t purpose) : seed_(seed), purpose_(purpose) {}

  // Uniform over all 32-bit patterns.
  std::uint32_t bits(std::uint64_t element) const;
  // Uniform in [0, 1) with 24 bits.
  float uniform(std::uint64_t element) const;
  // Standard normal (Box-Muller on two of the element's four words), computed in fp64.
  float normal(std::uint64_t element) const;
  // Uniform in [0, bound), without bias beyond 2^-32; bound >= 1.
  std::uint64_t below(std::uint64_t element, std::uint64_t bound) const;

 private:
  std::uint64_t seed_;
  std::uint64_t purpose_;
};

}  // namespace longhaul
