#include "longhaul/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::ElementsAre;

TEST(Dataset, GivesBackWhatWasAdded) {
  Dataset dataset;
  dataset.add({{5, 6, 7}, {false, true, false}}, {0, 3});
  dataset.add({{8, 9}, {false, true}}, {1, 1});

  EXPECT_EQ(dataset.size(), 2);
  EXPECT_EQ(dataset.tokens(), 5);
  EXPECT_EQ(dataset.target_tokens(), 2);
  EXPECT_EQ(dataset.length(1), 2);
  EXPECT_THAT(dataset.ids(0), ElementsAre(5, 6, 7));
  EXPECT_THAT(dataset.ids(1), ElementsAre(8, 9));
  EXPECT_TRUE(dataset.is_target(0, 1));
  EXPECT_FALSE(dataset.is_target(0, 2));
  EXPECT_TRUE(dataset.is_target(1, 1));
  EXPECT_EQ(dataset.source(1), (SampleSource{1, 1}));
}

TEST(Dataset, RefusesAMaskOfAnotherLengthOrOnTheFirstToken) {
  Dataset dataset;

  EXPECT_THROW(dataset.add({{}, {}}, {}), InvalidArgument);
  EXPECT_THROW(dataset.add({{1, 2}, {false}}, {}), InvalidArgument);
  EXPECT_THROW(dataset.add({{1, 2}, {true, true}}, {}), InvalidArgument);
}

TEST(Dataset, ChangesItsFingerprintWithEveryIdMaskAndBorder) {
  const auto fingerprint = [](const std::vector<EncodedSample>& samples) {
    Dataset dataset;
    for (const auto& sample : samples) dataset.add(sample, {});
    return dataset.fingerprint();
  };
  const auto original = fingerprint({{{1, 2, 3}, {false, true, false}}, {{4}, {false}}});

  EXPECT_EQ(fingerprint({{{1, 2, 3}, {false, true, false}}, {{4}, {false}}}), original);
  EXPECT_NE(fingerprint({{{1, 2, 5}, {false, true, false}}, {{4}, {false}}}), original);
  EXPECT_NE(fingerprint({{{1, 2, 3}, {false, true, true}}, {{4}, {false}}}), original);
  EXPECT_NE(fingerprint({{{1, 2}, {false, true}}, {{3, 4}, {false, false}}}), original);
}

}  // namespace
}  // namespace longhaul
