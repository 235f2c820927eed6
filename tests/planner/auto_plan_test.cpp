#include "longhaul/planner/auto_plan.h"

#include <cstdlib>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/plan/plan_file.h"
#include "longhaul/planner/baselines.h"

#include "planner/realize.h"
#include "planner/search.h"
#include "support/planner_problems.h"

namespace longhaul {
namespace {

using test::lohan_problem;

// A model of 0.3 G parameters, small machines.
Problem small_problem(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](auto... choices) {
    const std::array options{choices...};
    return options[random() % options.size()];
  };
  const int batch = pick(2, 4, 8);
  const int layers = pick(2, 3, 4, 6);
  Problem problem = lohan_problem(
      test::gpt2_like(layers, 2048, 16), batch, pick(1, 2), pick(10.0, 11.0, 13.0), pick(1, 2, 4));
  problem.machine.link.to_device = scaled(problem.machine.link.to_device, pick(0.25, 1.0));
  problem.machine.link.to_host = problem.machine.link.to_device;
  problem.machine.host.optimizer.points.front().rate.value.rate *= pick(0.25, 1.0);
  problem.caps.bytes[0] = {static_cast<std::int64_t>(pick(2.5, 4.0, 8.0) * 1e9)};
  problem.clips = pick(false, true);
  return problem;
}

double seconds_of(const Problem& problem) {
  const AutoPlan plan = make_auto_plan(problem);
  return plan.best ? cost_of(problem, *plan.best) : 1e9;
}

TEST(MakeAutoPlan, JudgesWhatItReturns) {
  const Problem problem = lohan_problem(test::gpt2_like(40, 5120, 40), 32, 1, 128, 3);
  const AutoPlan plan = make_auto_plan(problem);
  ASSERT_TRUE(plan.best);
  EXPECT_TRUE(plan.best->fits(problem.caps));
  const Judgement again = judge(problem, plan.best->plan);
  EXPECT_EQ(again.step, plan.best->step);
  EXPECT_EQ(again.peak, plan.best->peak);
  EXPECT_LE(plan.bounds.merged, plan.bounds.phases);
  EXPECT_LE(plan.bounds.merged, plan.best->step);
  // As a file it is the same plan.
  EXPECT_EQ(parse_plan(parse_document(to_yaml(plan.best->plan), "plan.yaml")), plan.best->plan);
}

TEST(MakeAutoPlan, AnswersTheSameTwice) {
  const Problem problem = small_problem(3);
  const AutoPlan first = make_auto_plan(problem);
  const AutoPlan second = make_auto_plan(problem);
  ASSERT_TRUE(first.best);
  EXPECT_EQ(first.best->plan, second.best->plan);
  EXPECT_EQ(first.best->step, second.best->step);
}

TEST(MakeAutoPlan, MovesNothingWhereEverythingFits) {
  Problem problem = lohan_problem(test::gpt2_like(6, 1024, 16), 8, 1, 64, 1);
  const AutoPlan plan = make_auto_plan(problem);
  ASSERT_TRUE(plan.best);
  for (const Lane lane : {Lane::kH2d, Lane::kD2h, Lane::kDiskRead, Lane::kDiskWrite}) {
    EXPECT_LT(plan.best->moved[static_cast<std::size_t>(lane)], 1_MiB) << name_of(lane);
  }
  const Judgement resident = judge(problem, resident_plan());
  ASSERT_TRUE(resident.fits(problem.caps));
  EXPECT_LE(plan.best->step.value, 1.001 * resident.step.value);
}

// LONGHAUL_RANDOM_PROBLEMS for more.
std::uint64_t random_problems() {
  const char* wanted = std::getenv("LONGHAUL_RANDOM_PROBLEMS");
  return wanted == nullptr ? 2 : std::strtoull(wanted, nullptr, 10);
}

TEST(MakeAutoPlan, IsNeverSlowerThanAPolicyThatFits) {
  for (std::uint64_t seed = 0; seed < random_problems(); ++seed) {
    const Problem problem = small_problem(seed);
    const double mine = seconds_of(problem);
    for (const std::string& policy : policy_names()) {
      const Plan plan = make_plan(policy);
      if (problem.clips && plan.update == UpdateTime::kInBackward) continue;
      const Judgement other = judge(problem, plan);
      if (!other.fits(problem.caps)) continue;
      EXPECT_LE(mine, 1.001 * cost_of(problem, other)) << "seed " << seed << ", " << policy;
    }
  }
}

// The search looks at other structures when a cap or a rate changes. 1 % is wanted; on models of
// two to six blocks, where a schedule is twice its program, 13 % was seen (docs/planner.md).
constexpr double kMostLoss = 1.15;

TEST(MakeAutoPlan, IsHardlyEverSlowerWithMore) {
  for (std::uint64_t seed = 0; seed < random_problems(); ++seed) {
    const Problem problem = small_problem(seed);
    const double before = seconds_of(problem);
    const auto expect_no_worse = [&](const char* what, const auto& change) {
      Problem more = problem;
      change(more);
      EXPECT_LE(seconds_of(more), kMostLoss * before) << "seed " << seed << ": " << what;
    };
    for (std::size_t tier = 0; tier < kTierCount; ++tier) {
      expect_no_worse("a larger cap", [&](Problem& p) {
        p.caps.bytes[tier] = {p.caps.bytes[tier].count / 100 * 115};
      });
    }
    expect_no_worse("one more drive", [](Problem& p) { ++p.machine.storage.disks.front().count; });
    expect_no_worse("a faster link", [](Problem& p) {
      p.machine.link.to_device = scaled(p.machine.link.to_device, 1.3);
      p.machine.link.to_host = scaled(p.machine.link.to_host, 1.3);
    });
    expect_no_worse("a faster device", [](Problem& p) {
      p.machine.device.bf16.products = scaled(p.machine.device.bf16.products, 1.3);
      p.machine.device.bf16.products_backward =
          scaled(p.machine.device.bf16.products_backward, 1.3);
    });
  }
}

// papers: LoHan trains 70B on 128 GB and 276B on 256 GB of host memory.
TEST(MakeAutoPlan, FitsLargeModels) {
  const auto fits = [](ModelGraph graph, double host_gigabytes) {
    const Problem problem = lohan_problem(std::move(graph), 1, 1, host_gigabytes, 12);
    return Search(problem).any().has_value();
  };
  EXPECT_TRUE(fits(test::gpt2_like(80, 8192, 64), 128));
  EXPECT_TRUE(fits(test::gpt2_like(112, 14336, 112), 64));
  EXPECT_TRUE(fits(test::llama_405b(), 128));
}

TEST(MakeAutoPlan, SaysWhichBoundIsViolated) {
  Problem problem = lohan_problem(test::gpt2_like(40, 5120, 40), 8, 1, 128, 0);
  problem.machine.storage.disks.clear();
  problem.caps.bytes[2] = {};
  problem.caps.bytes[1] = {50'000'000'000};
  const AutoPlan plan = make_auto_plan(problem);
  EXPECT_FALSE(plan.best);
  EXPECT_THAT(plan.refusal, testing::HasSubstr("host memory: every plan takes at least 1"));
}

TEST(WhatWouldFit, PlansEveryChange) {
  Problem problem = lohan_problem(test::gpt2_like(40, 5120, 40), 64, 1, 128, 3);
  problem.caps.bytes[0] = {6'000'000'000};
  ASSERT_FALSE(make_auto_plan(problem).best);
  const std::vector<Change> changes = what_would_fit(problem);
  ASSERT_FALSE(changes.empty());
  EXPECT_THAT(changes.front().text, testing::HasSubstr("micro-batches of"));
  for (const Change& change : changes) EXPECT_GT(change.judgement.step.value, 0.0) << change.text;
}

TEST(WhatWouldHelp, NamesTheDriveWhereTheDiskBinds) {
  const Problem problem = lohan_problem(test::gpt2_like(80, 8192, 64), 8, 1, 128, 1);
  const AutoPlan plan = make_auto_plan(problem);
  ASSERT_TRUE(plan.best);
  const std::vector<Change> changes = what_would_help(problem, plan);
  const auto is_drive = [](const Change& change) { return change.text.starts_with("one more"); };
  const auto drive = std::find_if(changes.begin(), changes.end(), is_drive);
  ASSERT_NE(drive, changes.end());
  EXPECT_GT(drive->speedup, 1.3);
}

// Weights on the device change their slot as a whole: a half of every block becomes every other
// block.
TEST(Realize, DealsOutWholeBlocksWhereASpeculationHasNoShares) {
  Problem problem = lohan_problem(test::gpt2_like(4, 1024, 16), 2, 1, 64, 1);
  problem.clips = true;
  const Workload work = summarize(problem, step_rates(problem));
  StateClass later;
  later.is_deferred = true;
  ProgramAnswer answer{.classes = {StateClass{}, later}, .shares = {0.5, 0.5}};
  answer.saved.resize(work.units.size(), {0.0, 0.0, 0.0, 1.0});
  answer.inputs[0] = 1.0;
  ProgramChoice choice;
  choice.is_speculative = true;
  choice.chunk = chunk_for(work);
  const Plan plan = realize(problem, work, choice, answer);
  ASSERT_NO_THROW(check(plan, problem.graph, 1));
  EXPECT_FALSE(plan.exceptions.empty());
}

// The program's totals are what lowering moves.
TEST(StepProgram, CountsWhatLoweringMoves) {
  const Problem problem = lohan_problem(test::gpt2_like(40, 5120, 40), 16, 1, 128, 3);
  const Search search(problem);
  const std::vector<Search::Proposal> proposals = search.proposals();
  ASSERT_FALSE(proposals.empty());
  const auto found = search.realize_within_caps(proposals.front());
  ASSERT_TRUE(found);
  const auto written = static_cast<double>(found->judgement.written().count);
  EXPECT_NEAR(found->proposal.answer.written / written, 1.0, 0.05);
  for (std::size_t t = 0; t < kTierCount; ++t) {
    const auto peak = static_cast<double>(found->judgement.peak[t].count);
    EXPECT_NEAR(found->proposal.answer.needed[t] / peak, 1.0, 0.15) << t;
  }
}

}  // namespace
}  // namespace longhaul
