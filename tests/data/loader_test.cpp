#include "longhaul/data/loader.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "tests/data/random_dataset.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

const LoaderRules kRules{{48, 12, 0}, 3, 42};

// What training sees of a step.
std::vector<std::vector<std::int32_t>> inputs(const StepBatch& step) {
  std::vector<std::vector<std::int32_t>> result;
  for (const auto& batch : step.micro_batches) {
    for (const auto* part : {&batch.ids,
                             &batch.positions,
                             &batch.targets,
                             &batch.segment_offsets,
                             &batch.sorted_order,
                             &batch.positions_order}) {
      result.push_back(*part);
    }
  }
  return result;
}

TEST(Loader, GivesEverySampleOncePerEpoch) {
  const Dataset dataset = test::random_dataset(100, 32, 1);
  Loader loader(dataset, kRules);

  for (int epoch = 0; epoch < 2; ++epoch) {
    std::map<std::int64_t, int> seen;
    std::int64_t targets = 0;
    const auto steps = loader.steps_in_epoch(epoch);
    for (std::int64_t i = 0; i < steps; ++i) {
      const StepBatch step = loader.next_step();
      EXPECT_EQ(step.epoch, epoch);
      EXPECT_EQ(step.step, i);
      targets += step.target_tokens;
      for (const auto& batch : step.micro_batches) {
        for (const auto sample : batch.sequences) ++seen[sample];
      }
    }
    EXPECT_EQ(seen.size(), 100U);
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](auto& one) { return one.second == 1; }));
    EXPECT_EQ(targets, dataset.target_tokens());
  }
}

TEST(Loader, HasFewerMicroBatchesOnlyInTheLastStepOfAnEpoch) {
  const Dataset dataset = test::random_dataset(104, 32, 1);
  Loader loader(dataset, kRules);

  const auto steps = loader.steps_in_epoch(0);
  ASSERT_NE(loader.packing().size() % 3, 0) << "the workload should end with a short step";
  for (std::int64_t i = 0; i < steps; ++i) {
    const auto expected = i + 1 < steps ? 3 : loader.packing().size() % 3;
    EXPECT_EQ(static_cast<std::int64_t>(loader.next_step().micro_batches.size()), expected);
  }
}

class LoaderRestored : public testing::TestWithParam<int> {};

TEST_P(LoaderRestored, ContinuesAsIfItHadNeverStopped) {
  const Dataset dataset = test::random_dataset(60, 32, 2);
  Loader loader(dataset, kRules);
  for (int i = 0; i < GetParam(); ++i) loader.next_step();
  const std::string saved = to_json(loader.position()).dump();

  Loader restored(dataset, kRules);
  restored.restore(parse_loader_position(Json::parse(saved, "position")));

  for (int i = 0; i < 20; ++i) {
    const StepBatch expected = loader.next_step();
    const StepBatch actual = restored.next_step();
    ASSERT_EQ(actual.epoch, expected.epoch);
    ASSERT_EQ(actual.step, expected.step);
    ASSERT_EQ(inputs(actual), inputs(expected));
  }
}

// At the beginning, inside the first epoch, and on either side of the borders of epochs.
INSTANTIATE_TEST_SUITE_P(Steps, LoaderRestored, testing::Values(0, 1, 6, 7, 8, 9, 15, 23));

TEST(Loader, RefusesAPositionOfOtherDataRulesOrPlace) {
  const Dataset dataset = test::random_dataset(60, 32, 2);
  const Dataset other = test::random_dataset(60, 32, 3);
  const LoaderPosition position = Loader(dataset, kRules).position();
  LoaderRules other_rules = kRules;
  other_rules.seed = 43;
  LoaderPosition beyond = position;
  beyond.step = 1000;

  EXPECT_THROW(Loader(other, kRules).restore(position), InvalidArgument);
  EXPECT_THROW(Loader(dataset, other_rules).restore(position), InvalidArgument);
  EXPECT_THROW(Loader(dataset, kRules).restore(beyond), InvalidArgument);
  EXPECT_NO_THROW(Loader(dataset, kRules).restore(position));
}

TEST(Loader, CountsStepsInAdvance) {
  const Dataset dataset = test::random_dataset(200, 32, 4);
  Loader loader(dataset, kRules);
  const auto promised = loader.steps_in_epochs(3);
  const auto half_more = loader.steps_in_epochs(3.5);

  std::int64_t steps = 0;
  while (loader.position().epoch < 3) {
    loader.next_step();
    ++steps;
  }
  EXPECT_EQ(promised, steps);
  EXPECT_EQ(half_more, steps + (loader.steps_in_epoch(3) + 1) / 2);
}

TEST(Loader, RefusesDataWithoutATarget) {
  Dataset dataset;
  dataset.add({{1, 2}, {false, false}}, {});
  try {
    const Loader loader(dataset, kRules);
    FAIL() << "expected InvalidArgument";
  } catch (const InvalidArgument& error) {
    EXPECT_THAT(error.what(), HasSubstr("no target token"));
  }
}

TEST(Loader, RefusesSamplesLongerThanAMicroBatch) {
  const Dataset dataset = test::random_dataset(60, 64, 2);

  EXPECT_THROW(Loader(dataset, kRules), InvalidArgument);
}

TEST(ShuffledOrder, IsAPermutationThatDependsOnSeedAndEpoch) {
  const auto order = shuffled_order(1000, 1, 0);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int64_t> natural(1000);
  std::iota(natural.begin(), natural.end(), std::int64_t{0});

  EXPECT_EQ(sorted, natural);
  EXPECT_EQ(order, shuffled_order(1000, 1, 0));
  EXPECT_NE(order, shuffled_order(1000, 2, 0));
  EXPECT_NE(order, shuffled_order(1000, 1, 1));
}

// 6 permutations of 3 elements over 6000 epochs: each has an expectation of 1000 and a standard
// deviation of 29; five of them is far outside of chance.
TEST(ShuffledOrder, GivesEveryPermutationEquallyOften) {
  std::map<std::vector<std::int64_t>, int> counts;
  for (int epoch = 0; epoch < 6000; ++epoch) ++counts[shuffled_order(3, 9, epoch)];

  ASSERT_EQ(counts.size(), 6U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 5 * 29);
}

}  // namespace
}  // namespace longhaul
