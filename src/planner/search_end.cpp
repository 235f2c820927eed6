// How a search ends: the plans of other policies, and what single decisions make of the best plans.

#include <algorithm>
#include <array>

#include "longhaul/core/error.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/planner/lohan.h"
#include "longhaul/planner/swaps.h"

#include "polish.h"
#include "realize.h"
#include "search.h"
#include "step_items.h"

namespace longhaul {
namespace {

// Ops that are looked at beside those of the structures: with many blocks a few plans, since there
// the program is close to its schedule.
constexpr std::size_t kManyBlocksOps = 160'000;
constexpr std::size_t kPolished = 3;
constexpr std::size_t kSqueezingOps = 225'000;

// A part of a race: so many plans go on, each for so many ops.
struct Heat {
  std::size_t plans;
  std::size_t ops;
};
constexpr std::array kHeats{Heat{24, 4'000}, Heat{8, 12'000}, Heat{3, 40'000}, Heat{1, 150'000}};
constexpr double kAboveCosts = 5.0;  // a cap that is missed by 10 % counts for half of the cost

}  // namespace

// The plans of others, so that none of them is ever better.
std::vector<Plan> Search::policies() const {
  std::vector<Plan> plans;
  for (const std::string& policy : policy_names()) plans.push_back(make_plan(policy));
  if (!problem_.machine.storage.disks.empty()) {
    const LohanProfile profile = lohan_profile(problem_.machine, problem_.caps.bytes[1]);
    const SwapDecision swap = choose_swap(lohan_work(problem_.graph, problem_.shape), profile);
    plans.push_back(lohan_plan(UpdateOrder::kOptimized));
    swap_activations(plans.back(), problem_.graph, problem_.shape, {swap.swapped});
  }
  for (Plan& plan : plans) plan.chunk = chunk_for(work_);
  std::erase_if(plans, [this](const Plan& plan) {
    return problem_.clips && plan.update == UpdateTime::kInBackward;
  });
  return plans;
}

void Search::add_policies(const Proposal& cheapest, std::vector<Found>& found) const {
  double least = kNoLimit;
  for (const Found& each : found) least = std::min(least, cost_of(problem_, each.judgement));
  for (const Plan& plan : policies()) {
    if (!may_win(plan, least)) continue;
    auto next = try_plan(plan, cheapest, least);
    if (!next) continue;
    least = cost_of(problem_, next->judgement);
    found.push_back(std::move(*next));
  }
}

// By what the homes of its states take alone.
bool Search::may_win(const Plan& plan, double least) const {
  const BlockPlan& how = plan.blocks;
  ProgramChoice choice;
  choice.is_merged = true;
  choice.passes = plan.group == 0 ? 1 : problem_.shape.micro_batches;
  const StepItems items(problem_, work_, rates_, choice);
  const bool in_backward = !problem_.clips;
  const Item item = items.states({.weights = how.weights.tier,
                                  .states = how.states.tier,
                                  .keeps_weights_on_device = how.keeps_weights_on_device,
                                  .update_on = how.update_on,
                                  .gradients = how.gradients,
                                  .is_deferred = !in_backward});
  for (std::size_t t = 0; t < kTierCount; ++t) {
    if (item.bytes[t] > static_cast<double>(problem_.caps.bytes[t].count)) return false;
  }
  Load all;
  for (const Load& load : item.loads) all += load;
  const double disk =
      (all.disk_read * rates_.disk_read + all.disk_write * rates_.disk_write) / rates_.disk_shared;
  const double price = problem_.write_price * all.disk_write / 1e9;
  return disk + price < least;
}

// As it is; none where it is impossible, does not fit, or costs `limit` or more.
std::optional<Search::Found> Search::try_plan(const Plan& plan,
                                              const Proposal& origin,
                                              double limit) const {
  try {
    Trial trial = judging_.simulated(plan, limit);
    judged_ops_ += trial.ops;
    if (!trial.may_fit(problem_.caps) || judging_.cost_of(trial) >= limit) return std::nullopt;
    Judgement judgement = judging_.placed(std::move(trial), problem_.caps);
    if (!judgement.fits(problem_.caps)) return std::nullopt;
    return Found{std::move(judgement), origin};
  } catch (const ConfigError&) {  // what the program's plans never are
    return std::nullopt;
  }
}

Search::Found Search::improved(std::vector<Found> found) const {
  return has_few_blocks(problem_) ? raced(std::move(found)) : polished(std::move(found));
}

// The best a little, the best one block by block.
Search::Found Search::polished(std::vector<Found> found) const {
  Polish polish(problem_, work_, judging_);
  sort(found);
  found.resize(std::min(found.size(), kPolished));
  for (Found& start : found) {
    Polish::Position position = polish.at(std::move(start.judgement));
    polish.advance(position, Reach::kClasses, kManyBlocksOps / (2 * found.size()));
    start.judgement = std::move(*position.judgement);
  }
  sort(found);
  if (polish.ops() < kManyBlocksOps) {
    Polish::Position position = polish.at(std::move(found.front().judgement));
    polish.advance(position, Reach::kSingle, kManyBlocksOps - polish.ops());
    found.front().judgement = std::move(*position.judgement);
  }
  return std::move(found.front());
}

// Where a plan is small: those found and all outlines, of which fewer and fewer go on for longer
// and longer (successive halving: Karnin, Koren & Somekh 2013).
Search::Found Search::raced(std::vector<Found> found) const {
  Polish polish(problem_, work_, judging_);
  const Proposal proposal = found.front().proposal;
  std::vector<Polish::Position> field;
  field.reserve(found.size());
  for (Found& start : found) field.push_back(polish.at(std::move(start.judgement)));
  for (Decisions& outline : outlines(problem_, work_)) {
    outline.rest.chunk = chunk_for(work_);
    if (auto position = polish.at(outline)) field.push_back(std::move(*position));
  }
  const auto promise = [](const Polish::Position& position) {
    return position.score.cost * (1.0 + kAboveCosts * position.score.above);
  };
  for (const Heat& heat : kHeats) {
    std::stable_sort(field.begin(), field.end(), [&](const auto& a, const auto& b) {
      return promise(a) < promise(b);
    });
    field.resize(std::min(field.size(), heat.plans));
    for (Polish::Position& each : field) polish.advance(each, Reach::kSingle, heat.ops);
  }
  std::optional<Found> best;
  for (Polish::Position& each : field) {
    if (each.judgement) keep_better(best, Found{std::move(*each.judgement), proposal});
  }
  return std::move(*best);
}

// Where no structure fits: plans for larger caps, made smaller. What the program thinks a step
// needs may be more than it does.
std::optional<Search::Found> Search::squeezed() const {
  constexpr double kMostBytes = 9e18;
  Polish polish(problem_, work_, judging_);
  for (const double larger : {1.15, 1.4, 2.0}) {
    Problem roomy = problem_;
    for (Bytes& cap : roomy.caps.bytes) {
      const double size = larger * static_cast<double>(cap.count);
      cap = Bytes{size < kMostBytes ? static_cast<std::int64_t>(size) : INT64_MAX};
    }
    const std::vector<Proposal> all = Search(roomy).proposals();
    if (all.empty()) continue;
    const Proposal& start = all.front();
    const Plan plan = longhaul::realize(problem_, work_, start.choice, start.answer);
    auto position = polish.at(decisions_of(problem_, work_, plan));
    if (!position) continue;
    polish.advance(*position, Reach::kSingle, kSqueezingOps);
    if (position->judgement) return Found{std::move(*position->judgement), start};
  }
  return std::nullopt;
}

}  // namespace longhaul
