#include "dither.h"

#include <bit>
#include <cstddef>

#include "longhaul/core/philox.h"

namespace longhaul {

void dither_masters(std::span<float> masters, std::uint64_t parameter) {
  constexpr std::size_t kPerBlock = 8;  // 16 bits for each, out of 128
  constexpr std::uint32_t kDigits = 0xffff;
  const PhiloxKey key{static_cast<std::uint32_t>(parameter), 0x6d697864};
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < masters.size(); ++i) {
    const std::size_t block = i / kPerBlock;
    const std::size_t part = i % kPerBlock;
    if (part == 0) {
      words = philox4x32(
          {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 0}, key);
    }
    const auto bits = std::bit_cast<std::uint32_t>(masters[i]);
    if ((bits & kDigits) != 0 || masters[i] == 0.0F) continue;
    const std::uint32_t random = (words[part / 2] >> (part % 2 * 16)) & kDigits;
    masters[i] = std::bit_cast<float>(bits - 0x8000U + random);
  }
}

}  // namespace longhaul
