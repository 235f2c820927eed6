#include "longhaul/data/packing.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "tests/data/random_dataset.h"

namespace longhaul {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::vector<std::int64_t> natural_order(std::size_t count) {
  std::vector<std::int64_t> order(count);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  return order;
}

Packing pack_naturally(const std::vector<std::int64_t>& lengths, const PackingRules& rules) {
  return pack(natural_order(lengths.size()), lengths, rules);
}

std::vector<std::vector<std::int64_t>> contents(const Packing& packing) {
  std::vector<std::vector<std::int64_t>> result;
  for (std::int64_t i = 0; i < packing.size(); ++i) {
    result.emplace_back(packing[i].begin(), packing[i].end());
  }
  return result;
}

TEST(Pack, PutsLongSequencesFirstAndEachIntoTheFullestThatHasRoom) {
  // Long: 7 opens A, 5 opens B, 4 fits B only, 3 fills A. Then 1 and 2 in their order: 1 fills B.
  const auto packing = pack_naturally({1, 4, 7, 2, 5, 3}, {10, 8, 0});

  EXPECT_THAT(contents(packing),
              UnorderedElementsAre(ElementsAre(2, 5), ElementsAre(4, 1, 0), ElementsAre(3)));
}

TEST(Pack, LeavesShortSequencesInTheirOrder) {
  // None is longer than 25. The fifth opens the second micro-batch, the last fills the first.
  const auto packing = pack_naturally({25, 24, 25, 20, 23, 24, 6}, {100, 8, 0});

  EXPECT_THAT(contents(packing),
              UnorderedElementsAre(ElementsAre(0, 1, 2, 3, 6), ElementsAre(4, 5)));
}

TEST(Pack, ShowsNoTrendInLength) {
  // A third are long. Without the shuffle the first half of the micro-batches would hold them all.
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < 600; ++i) lengths.push_back(i % 3 == 0 ? 90 : 20);
  const auto packing = pack_naturally(lengths, {100, 16, 0});

  std::int64_t early = 0;
  for (std::int64_t i = 0; i < packing.size() / 2; ++i) {
    early += lengths[static_cast<std::size_t>(packing[i][0])] == 90 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(early), 100, 25);
}

TEST(Pack, LeavesASegmentForTheTail) {
  const auto packing = pack_naturally({1, 1, 1, 1, 1}, {10, 3, 0});

  EXPECT_THAT(contents(packing),
              UnorderedElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
}

TEST(Pack, MovesNoSequenceBeyondAWindow) {
  const std::vector<std::int64_t> lengths(4000, 1);  // windows of 256 * 4 sequences
  const auto packing = pack_naturally(lengths, {4, 8, 0});

  for (std::size_t i = 0; i < packing.sequences.size(); ++i) {
    ASSERT_EQ(packing.sequences[i] / 1024, static_cast<std::int64_t>(i) / 1024);
  }
}

TEST(Pack, RefusesASequenceThatDoesNotFitByName) {
  try {
    pack_naturally({3, 11}, {10, 8, 0});
    FAIL() << "expected InvalidArgument";
  } catch (const InvalidArgument& error) {
    EXPECT_THAT(error.what(), HasSubstr("sequence 1"));
    EXPECT_THAT(error.what(), HasSubstr("got 11, expected 1 to 10"));
  }
  EXPECT_THROW(pack_naturally({0}, {10, 8, 0}), InvalidArgument);
  EXPECT_THROW(pack_naturally({1}, {10, 1, 0}), InvalidArgument);
}

class PackRandomly : public testing::TestWithParam<int> {
 protected:
  const std::uint64_t seed = static_cast<std::uint64_t>(GetParam());
  const Dataset dataset = test::random_dataset(700, 1 + GetParam() % 64, seed);
  const std::vector<std::int64_t> lengths = lengths_of(dataset);
  const PackingRules rules{64, 2 + GetParam() % 20, 49};
  const Packing packing = pack_in_order(dataset, rules);
};

TEST_P(PackRandomly, PlacesEverySequenceOnceWithinTheLimits) {
  auto sorted = packing.sequences;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, natural_order(lengths.size()));
  for (std::int64_t i = 0; i < packing.size(); ++i) {
    std::int64_t tokens = 0;
    for (const auto sequence : packing[i]) tokens += lengths[static_cast<std::size_t>(sequence)];
    EXPECT_LE(tokens, rules.tokens);
    EXPECT_GE(packing[i].size(), 1U);
    EXPECT_LT(packing[i].size(), static_cast<std::size_t>(rules.max_segments));
  }
}

TEST_P(PackRandomly, GivesEveryTokenOfASequenceItsOwnPositionAndTarget) {
  for (std::int64_t i = 0; i < packing.size(); ++i) {
    const MicroBatch batch = make_micro_batch(dataset, packing[i], rules);
    std::size_t at = 0;
    std::int64_t targets = 0;
    for (std::size_t s = 0; s < packing[i].size(); ++s) {
      const auto sequence = packing[i][s];
      ASSERT_EQ(batch.segment_offsets[s], static_cast<std::int32_t>(at));
      for (std::int64_t t = 0; t < dataset.length(sequence); ++t, ++at) {
        const bool has_next = t + 1 < dataset.length(sequence);
        const bool is_predicted = has_next && dataset.is_target(sequence, t + 1);
        const auto ids = dataset.ids(sequence);
        ASSERT_EQ(batch.ids[at], ids[static_cast<std::size_t>(t)]);
        ASSERT_EQ(batch.positions[at], t);
        ASSERT_EQ(batch.targets[at], is_predicted ? ids[static_cast<std::size_t>(t) + 1] : -1);
        targets += is_predicted ? 1 : 0;
      }
    }
    EXPECT_EQ(batch.sequence_tokens, static_cast<std::int64_t>(at));
    EXPECT_EQ(batch.target_tokens, targets);
  }
}

TEST_P(PackRandomly, MakesTheTailAnUntargetedSegmentAndPadsWithEmptyOnes) {
  for (std::int64_t i = 0; i < packing.size(); ++i) {
    const MicroBatch batch = make_micro_batch(dataset, packing[i], rules);
    const auto begin = static_cast<std::size_t>(batch.sequence_tokens);
    for (std::size_t t = begin; t < static_cast<std::size_t>(rules.tokens); ++t) {
      ASSERT_EQ(batch.ids[t], rules.padding);
      ASSERT_EQ(batch.targets[t], -1);
      ASSERT_EQ(batch.positions[t], static_cast<std::int32_t>(t - begin));
    }
    ASSERT_EQ(batch.segment_offsets.size(), static_cast<std::size_t>(rules.max_segments) + 1);
    const std::size_t sequences = packing[i].size();
    EXPECT_EQ(batch.segment_offsets[sequences], static_cast<std::int32_t>(begin));
    for (std::size_t s = sequences + 1; s < batch.segment_offsets.size(); ++s) {
      EXPECT_EQ(batch.segment_offsets[s], rules.tokens);
    }
  }
}

TEST_P(PackRandomly, SortsTokensByIdAndByPosition) {
  const MicroBatch batch = make_micro_batch(dataset, packing[0], rules);

  std::vector<std::int32_t> expected(static_cast<std::size_t>(rules.tokens));
  std::iota(expected.begin(), expected.end(), 0);
  const auto sorted_by = [&](const std::vector<std::int32_t>& key) {
    auto order = expected;
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return key[static_cast<std::size_t>(a)] < key[static_cast<std::size_t>(b)];
    });
    return order;
  };
  EXPECT_EQ(batch.sorted_order, sorted_by(batch.ids));
  EXPECT_EQ(batch.positions_order, sorted_by(batch.positions));
}

INSTANTIATE_TEST_SUITE_P(Seeds, PackRandomly, testing::Range(1, 64, 7));

// Short conversations in micro-batches of 16 times their mean length: what a user will see.
TEST(Pack, FillsNearlyEverythingWhenSequencesAreShort) {
  const Dataset dataset = test::random_dataset(2000, 64, 5);
  const auto lengths = lengths_of(dataset);
  const PackingRules rules{512, default_max_segments(lengths, 512), 0};

  EXPECT_GT(fill_rate(pack_in_order(dataset, rules), lengths, rules), 0.99);
}

TEST(FillRate, IsTokensOfSequencesByTokensOfMicroBatches) {
  const std::vector<std::int64_t> lengths = {6, 5, 4};
  const PackingRules rules{10, 8, 0};

  EXPECT_DOUBLE_EQ(fill_rate(pack_naturally(lengths, rules), lengths, rules), 15.0 / 20.0);
  EXPECT_DOUBLE_EQ(fill_rate({}, lengths, rules), 1.0);
}

TEST(MicroBatch, OfNoSequencesIsPaddingWithoutATarget) {
  const MicroBatch batch = make_micro_batch({}, {}, {4, 2, 7});

  EXPECT_THAT(batch.ids, Each(7));
  EXPECT_THAT(batch.targets, Each(-1));
  EXPECT_THAT(batch.segment_offsets, ElementsAre(0, 4, 4));
  EXPECT_EQ(batch.target_tokens, 0);
}

TEST(MicroBatch, RefusesMoreTokensOrSequencesThanItHolds) {
  const Dataset dataset = test::random_dataset(4, 1, 1);  // one token each
  const std::vector<std::int64_t> all = {0, 1, 2, 3};

  EXPECT_NO_THROW(make_micro_batch(dataset, all, {4, 5, 0}));
  EXPECT_THROW(make_micro_batch(dataset, all, {3, 5, 0}), InvalidArgument);
  EXPECT_THROW(make_micro_batch(dataset, all, {4, 4, 0}), InvalidArgument);
}

TEST(DefaultMaxSegments, IsTwiceTheAverageButNoMoreThanCanFit) {
  EXPECT_EQ(default_max_segments(std::vector<std::int64_t>{10, 100, 100, 100}, 512), 16);
  EXPECT_EQ(default_max_segments(std::vector<std::int64_t>{512}, 512), 2);
  EXPECT_EQ(default_max_segments(std::vector<std::int64_t>{}, 512), 2);
}

}  // namespace
}  // namespace longhaul
