#include "longhaul/core/philox.h"

#include <cmath>
#include <numbers>

namespace longhaul {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53U;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57U;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9U;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85U;

std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32);
}

std::array<std::uint32_t, 4> words(std::uint64_t seed, std::uint64_t purpose, std::uint64_t n) {
  return philox4x32({low(n), high(n), low(purpose), high(purpose)}, {low(seed), high(seed)});
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kMultiplier1} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0],
               low(product1),
               high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

std::uint32_t Philox::bits(std::uint64_t element) const {
  return words(seed_, purpose_, element)[0];
}

float Philox::uniform(std::uint64_t element) const {
  return static_cast<float>(bits(element) >> 8) * 0x1p-24F;
}

float Philox::normal(std::uint64_t element) const {
  const auto w = words(seed_, purpose_, element);
  const double radius = std::sqrt(-2.0 * std::log((w[0] + 0.5) * 0x1p-32));
  return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * (w[1] * 0x1p-32)));
}

std::uint64_t Philox::below(std::uint64_t element, std::uint64_t bound) const {
  const auto w = words(seed_, purpose_, element);
  const std::uint64_t wide = (std::uint64_t{w[0]} << 32) | w[1];
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(wide) * bound) >> 64);
}

}  // namespace longhaul
