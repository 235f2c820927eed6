#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/philox.h"

#include "src/text/merge_table.h"

namespace longhaul {
namespace {

// The definition: while some pair has a merge, apply the one of the lowest rank, leftmost first.
std::vector<TokenId> apply_by_definition(const MergeTable& table, std::vector<TokenId> symbols) {
  for (;;) {
    Merge best;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Merge merge = table.find(symbols[i], symbols[i + 1]);
      if (merge.rank < best.rank) {
        best = merge;
        at = i;
      }
    }
    if (!best.exists()) return symbols;
    symbols[at] = best.result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

// Random merges of four characters: a merge joins two tokens that exist when it is made.
MergeTable random_table(std::uint64_t seed, int merges) {
  const Philox random(seed, 1);
  MergeTable table(static_cast<std::size_t>(merges));
  for (int i = 0; i < merges; ++i) {
    const auto tokens = static_cast<std::uint64_t>(4 + i);
    const auto left = static_cast<TokenId>(random.below(2 * static_cast<std::uint64_t>(i), tokens));
    const auto right =
        static_cast<TokenId>(random.below(2 * static_cast<std::uint64_t>(i) + 1, tokens));
    table.add(left, right, {static_cast<std::uint32_t>(i), 4 + i});
  }
  return table;
}

class MergeTableLengths : public testing::TestWithParam<int> {};

TEST_P(MergeTableLengths, MergesAsDefined) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const MergeTable table = random_table(seed, 60);
    const Philox random(seed, 2);
    std::vector<TokenId> symbols;
    for (int i = 0; i < GetParam(); ++i) {
      symbols.push_back(static_cast<TokenId>(random.below(static_cast<std::uint64_t>(i), 4)));
    }
    const std::vector<TokenId> expected = apply_by_definition(table, symbols);
    table.apply(symbols);
    ASSERT_EQ(symbols, expected) << "seed " << seed;
  }
}

// Nothing, no pair, one pair, the longest that is scanned, the shortest that takes the heap, more.
INSTANTIATE_TEST_SUITE_P(Lengths,
                         MergeTableLengths,
                         testing::Values(0, 1, 2, 3, 17, 48, 49, 200, 500));

TEST(MergeTable, TakesTheLeftmostOfEqualRanks) {
  MergeTable table(1);
  table.add(0, 0, {0, 1});

  std::vector<TokenId> symbols(5, 0);
  table.apply(symbols);

  EXPECT_EQ(symbols, (std::vector<TokenId>{1, 1, 0}));
}

TEST(MergeTable, LetsALaterMergeOfTheSamePairReplaceTheFirst) {
  MergeTable table(3);
  table.add(0, 1, {0, 5});
  table.add(1, 2, {1, 6});
  table.add(0, 1, {2, 5});

  std::vector<TokenId> symbols{0, 1, 2};
  table.apply(symbols);

  EXPECT_EQ(symbols, (std::vector<TokenId>{0, 6}));
}

}  // namespace
}  // namespace longhaul
