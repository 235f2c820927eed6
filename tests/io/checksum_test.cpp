#include "io/checksum.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/philox.h"

namespace longhaul {
namespace {

std::vector<std::byte> random_bytes(std::size_t size) {
  const Philox random(/*seed=*/3, /*purpose=*/0);
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(random.below(i, 256));
  return bytes;
}

// At every position of words, vectors and the tail.
TEST(Checksum, ChangesWithEveryBit) {
  std::vector<std::byte> bytes = random_bytes(300);
  std::set<std::uint64_t> sums{checksum_of(bytes)};
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    const auto flipped = static_cast<std::byte>(1 << (bit % 8));
    bytes[bit / 8] ^= flipped;
    sums.insert(checksum_of(bytes));
    bytes[bit / 8] ^= flipped;
  }
  EXPECT_EQ(sums.size(), 1 + 8 * bytes.size());
}

TEST(Checksum, ChangesWithTheSize) {
  const std::vector<std::byte> zeros(1000);
  std::set<std::uint64_t> sums;
  for (std::size_t size = 0; size <= zeros.size(); ++size) {
    sums.insert(checksum_of(std::span(zeros).first(size)));
  }
  EXPECT_EQ(sums.size(), zeros.size() + 1);
}

// One bit that is stuck, in two words at any distance within a unit.
TEST(Checksum, ChangesWithTheSameBitOfTwoWords) {
  std::vector<std::byte> bytes = random_bytes(65536);
  std::set<std::uint64_t> sums{checksum_of(bytes)};
  std::size_t changes = 1;
  for (const std::byte bit : {std::byte{0x01}, std::byte{0x80}}) {
    bytes[7] ^= bit;
    for (std::size_t other = 15; other < bytes.size(); other += 8) {
      bytes[other] ^= bit;
      sums.insert(checksum_of(bytes));
      bytes[other] ^= bit;
      ++changes;
    }
    bytes[7] ^= bit;
  }
  EXPECT_EQ(sums.size(), changes);
}

// Sectors that were written to each other's place, or not at all.
TEST(Checksum, ChangesWithTheOrderOfSectors) {
  constexpr std::size_t kSector = 512;
  std::vector<std::byte> bytes = random_bytes(65536);
  std::set<std::uint64_t> sums{checksum_of(bytes)};
  const auto sector = [&](std::size_t i) { return std::span(bytes).subspan(i * kSector, kSector); };
  const std::size_t sectors = bytes.size() / kSector;
  for (std::size_t i = 1; i < sectors; ++i) {
    std::swap_ranges(sector(0).begin(), sector(0).end(), sector(i).begin());
    sums.insert(checksum_of(bytes));
    std::swap_ranges(sector(0).begin(), sector(0).end(), sector(i).begin());
  }
  for (std::size_t i = 0; i < sectors; ++i) {
    const std::vector<std::byte> kept(sector(i).begin(), sector(i).end());
    std::fill(sector(i).begin(), sector(i).end(), std::byte{0});
    sums.insert(checksum_of(bytes));
    std::copy(kept.begin(), kept.end(), sector(i).begin());
  }
  EXPECT_EQ(sums.size(), 2 * sectors);
}

}  // namespace
}  // namespace longhaul
