// The cheapest of all plans of a space (plan_space.h) that is small enough to look at every one of
// them, judged as `auto` judges.
//
// Plans are passed over where a bound says that they cost more than one that is known. With all
// saved tensors kept and no lane slowed by another the same ops minus some run in the same order on
// every lane, and none begins later: that schedule is never longer. Nor is a step shorter than all
// that is asked of a shared resource, or than the work of a lane with what saved tensors add to it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/plan/lower.h"
#include "longhaul/sim/simulate.h"

#include "planner/judging.h"
#include "planner/search.h"
#include "support/plan_space.h"

namespace longhaul::test {

class ExhaustivePlans {
 public:
  struct Counts {
    std::size_t plans = 0;      // of the space
    std::size_t simulated = 0;  // the others cost more by a bound or do not fit
    std::size_t placed = 0;
  };

  explicit ExhaustivePlans(const Problem& problem)
      : problem_(problem),
        judging_(problem),
        costs_(cost_model(problem)),
        rates_(step_rates(problem)),
        work_(summarize(problem, rates_)),
        space_(problem, work_),
        cuts_(space_.cuts()) {}

  // What the cheapest plan costs, if that is less than `known`; else `known`.
  double least(double known) {
    best_ = known;
    for (const Decisions& step : space_.steps()) {
      for (const Decisions& blocks : space_.with_blocks(step)) look_at(blocks);
    }
    return best_;
  }
  const Counts& counts() const { return counts_; }
  const std::optional<Plan>& plan() const { return plan_; }  // none: it is the known one

 private:
  // --- bounds

  struct Bound {
    double cost = 0.0;
    std::array<double, kLaneCount> work{};
    std::array<double, kTierCount> lasting{};  // bytes that live across steps
  };

  std::optional<Bound> bound_of(const Plan& plan) const {
    std::optional<LoweredPass> pass;
    try {
      pass = lower(problem_.graph,
                   problem_.format,
                   plan,
                   problem_.shape,
                   Pass::kTrain,
                   compute_lane(problem_));
    } catch (const ConfigError&) {
      return std::nullopt;
    }
    OpCosts costs = op_costs(pass->schedule, costs_);
    std::array<double, kResourceCount> asked{};  // seconds of the whole resource
    for (OpCost& op : costs.ops) {
      for (std::size_t r = 0; r < kResourceCount; ++r) {
        asked[r] +=
            op.alone.value * static_cast<double>(op.demand[r]) / std::max(1.0, costs.shared[r]);
      }
      op.demand = {};
    }
    const Simulation run = simulate(pass->schedule, costs);
    Bound bound;
    for (std::size_t l = 0; l < kLaneCount; ++l) bound.work[l] = run.alone[l].value;
    const double busiest = *std::max_element(asked.begin(), asked.end());
    bound.cost = std::max(run.step.value, busiest) +
                 price(run.moved[static_cast<std::size_t>(Lane::kDiskWrite)]);
    for (const Buffer& buffer : pass->schedule.buffers()) {
      if (!buffer.is_persistent) continue;
      bound.lasting[static_cast<std::size_t>(buffer.tier)] +=
          static_cast<double>(buffer.size.count);
    }
    return bound;
  }

  double price(Bytes written) const {
    return problem_.write_price * static_cast<double>(written.count) / 1e9;
  }

  double seconds_of_copy(Lane lane, double bytes) const {
    Op op{.kind = OpKind::kCopy, .lane = lane};
    op.reads = {{make_id<BufferId>(0), {}, Bytes{static_cast<std::int64_t>(bytes)}}};
    op.writes = op.reads;
    return costs_(op).alone.value;
  }

  // What the choice adds to lanes and tiers; what is near the turn may stay on the device.
  bool may_win(const Decisions& next, const Bound& bound) const {
    Bound all = bound;
    const int micro_batches = problem_.shape.micro_batches;
    const int group = next.rest.group == 0 ? micro_batches : next.rest.group;
    for (std::size_t u = 0; u < work_.units.size(); ++u) {
      const SavedUnit& unit = work_.units[u];
      const SavedAction action = next.saved[u].front().front();
      const auto sites = static_cast<double>(unit.sites.size());
      const double each = unit.bytes / sites;
      const double near = next.rest.saved_window + 1;
      if (action == SavedAction::kRecompute) {
        all.work[static_cast<std::size_t>(Lane::kCompute)] += unit.seconds * micro_batches;
      } else if (action == SavedAction::kKeep) {
        all.lasting[0] += unit.bytes * group;
      } else {
        const double away = std::max(0.0, sites * micro_batches - near);
        const auto tensors = static_cast<double>(unit.sites.front().tensors.size());
        for (const Lane lane : {Lane::kD2h, Lane::kH2d}) {
          all.work[static_cast<std::size_t>(lane)] +=
              away * tensors * seconds_of_copy(lane, each / tensors);
        }
        all.lasting[action == SavedAction::kDisk ? 2 : 1] +=
            std::max(0.0, sites * group - near) * each;
      }
    }
    for (std::size_t t = 0; t < kTierCount; ++t) {
      if (all.lasting[t] > static_cast<double>(problem_.caps.bytes[t].count)) return false;
    }
    const double busiest = *std::max_element(all.work.begin(), all.work.end());
    return std::max(bound.cost, busiest) < best_;
  }

  // Weights and states alone.
  bool has_room(const Decisions& next) const {
    const std::array<double, kTierCount> taken = bytes_of_states(problem_, work_, next);
    for (std::size_t t = 0; t < kTierCount; ++t) {
      if (taken[t] > static_cast<double>(problem_.caps.bytes[t].count)) return false;
    }
    return true;
  }

  // --- plans

  void look_at(Decisions next) {
    space_.set_saved(next, {work_.units.size(), work_.units.size(), work_.units.size()});
    counts_.plans += cuts_.size();
    if (!has_room(next)) return;
    const std::optional<Bound> bound = bound_of(plan_of(problem_, work_, next));
    if (!bound || bound->cost >= best_) return;
    for (const auto& cut : cuts_) {
      space_.set_saved(next, cut);
      if (may_win(next, *bound)) judge_plan(plan_of(problem_, work_, next));
    }
  }

  void judge_plan(const Plan& plan) {
    ++counts_.simulated;
    Trial trial = judging_.simulated(plan, best_);
    const double cost = judging_.cost_of(trial);
    if (!trial.may_fit(problem_.caps) || cost >= best_) return;
    ++counts_.placed;
    if (!judging_.placed(std::move(trial), problem_.caps).fits(problem_.caps)) return;
    best_ = cost;
    plan_ = plan;
  }

  const Problem& problem_;
  Judging judging_;
  CostModel costs_;
  StepRates rates_;
  Workload work_;
  PlanSpace space_;
  std::vector<PlanSpace::Cut> cuts_;
  double best_ = 0.0;
  std::optional<Plan> plan_;
  Counts counts_;
};

}  // namespace longhaul::test
