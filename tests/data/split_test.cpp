#include "src/data/split.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "longhaul/core/philox.h"

namespace longhaul {
namespace {

using Questions = std::vector<std::vector<std::uint64_t>>;

std::int64_t chosen(const std::vector<bool>& is_held_out) {
  return std::count(is_held_out.begin(), is_held_out.end(), true);
}

// `size` samples of one to three questions out of `variety`.
Questions random_questions(int size, std::uint64_t variety, std::uint64_t seed) {
  const Philox random(seed, 1);
  std::uint64_t drawn = 0;
  Questions questions(static_cast<std::size_t>(size));
  for (auto& one : questions) {
    const auto count = 1 + random.below(drawn++, 3);
    for (std::uint64_t i = 0; i < count; ++i) one.push_back(random.below(drawn++, variety));
  }
  return questions;
}

TEST(ChooseHeldOut, TakesTheFractionWhereQuestionsDiffer) {
  Questions questions;
  for (std::uint64_t i = 0; i < 200; ++i) questions.push_back({i});

  EXPECT_EQ(chosen(choose_held_out(questions, 0.05, 42)), 10);
  EXPECT_EQ(chosen(choose_held_out(questions, 0.0001, 42)), 1);
  EXPECT_EQ(chosen(choose_held_out(questions, 0.9999, 42)), 199);
}

TEST(ChooseHeldOut, SharesNoQuestionWithTraining) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto questions = random_questions(300, 2000, seed);
    const auto is_held_out = choose_held_out(questions, 0.2, seed);

    std::set<std::uint64_t> held_out;
    std::set<std::uint64_t> trained;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      auto& side = is_held_out[i] ? held_out : trained;
      side.insert(questions[i].begin(), questions[i].end());
    }
    EXPECT_EQ(chosen(is_held_out), 60) << "small groups fill the fraction";
    for (const auto question : held_out) EXPECT_FALSE(trained.contains(question));
  }
}

TEST(ChooseHeldOut, PassesOverAGroupThatIsTooLarge) {
  Questions questions(100, {1});                                           // one group of 100 ...
  for (std::uint64_t i = 0; i < 10; ++i) questions.push_back({1000 + i});  // ... and ten singles

  const auto is_held_out = choose_held_out(questions, 0.5, 3);
  EXPECT_EQ(chosen(is_held_out), 10);
  EXPECT_FALSE(is_held_out[0]);
}

TEST(ChooseHeldOut, JoinsGroupsThroughAThirdSample) {
  // 0 and 1 meet only in 2: all three, or none.
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto is_held_out = choose_held_out({{1}, {2}, {1, 2}, {3}, {4}, {5}}, 0.5, seed);
    EXPECT_EQ(is_held_out[0], is_held_out[1]);
    EXPECT_EQ(is_held_out[0], is_held_out[2]);
  }
}

TEST(ChooseHeldOut, DependsOnTheSeedAndOnNothingElse) {
  const auto questions = random_questions(300, 2000, 1);

  EXPECT_EQ(choose_held_out(questions, 0.2, 1), choose_held_out(questions, 0.2, 1));
  EXPECT_NE(choose_held_out(questions, 0.2, 1), choose_held_out(questions, 0.2, 2));
}

TEST(ChooseHeldOut, ChoosesNothingWhereEverySampleAsksTheSame) {
  EXPECT_EQ(chosen(choose_held_out(Questions(50, {7}), 0.1, 1)), 0);
  EXPECT_EQ(chosen(choose_held_out({}, 0.1, 1)), 0);
  EXPECT_EQ(chosen(choose_held_out({{1}}, 0.1, 1)), 0);
}

}  // namespace
}  // namespace longhaul
