// The cheapest of all plans of a space that is small enough to look at every one of them, judged as
// `auto` judges. What the space holds:
//
//   the step       groups of 1 to all micro-batches (divisors), sums on device or host, two pairs
//   of
//                  prefetch windows, every time of updates that the rules allow, inputs of blocks
//                  kept, on host or on disk
//   blocks         every way to keep them (device, host, disk; update on either; a copy of the
//                  weights on the device or not), homes on disk with none or a half of it in RAM;
//                  with updates in backward 0, 1/2 or all of a block left to the next forward;
//                  gradients that wait for the next forward on host or disk; all blocks alike, or
//                  every other one on the device
//   saved tensors  in the order of what keeping them is worth: the first ones kept, the next on the
//                  host, the next on disk, the rest computed again, with every pair of borders
//
// Left out are shares between those, other chunks and stagings, blocks that differ in any other
// way, and saved tensors in another order.
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
#include "planner/moves.h"
#include "planner/search.h"

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
        work_(summarize(problem, rates_)) {}

  // What the cheapest plan costs, if that is less than `known`; else `known`.
  double least(double known) {
    best_ = known;
    for (const Decisions& step : steps()) {
      for (const Decisions& blocks : with_blocks(step)) look_at(blocks);
    }
    return best_;
  }
  const Counts& counts() const { return counts_; }
  const std::optional<Plan>& plan() const { return plan_; }  // none: it is the known one

 private:
  // --- the space

  std::vector<Decisions> steps() const {
    std::vector<Decisions> all;
    const int micro_batches = problem_.shape.micro_batches;
    Decisions next;
    next.rest.policy = "exhaustive";
    next.rest.chunk = chunk_for(work_);
    for (int group = 1; group <= micro_batches; ++group) {
      if (micro_batches % group != 0) continue;
      next.rest.group = group == micro_batches ? 0 : group;
      for (const Tier sums : {Tier::kDevice, Tier::kHost}) {
        if (sums == Tier::kHost && micro_batches == 1) continue;
        next.rest.accumulators = sums;
        for (const auto& [weights, saved] : {std::pair{2, 1}, {1, 0}}) {
          next.rest.weight_window = weights;
          next.rest.saved_window = saved;
          add_times(next, all);
        }
      }
    }
    return all;
  }

  void add_times(Decisions next, std::vector<Decisions>& all) const {
    std::vector<UpdateTime> times{UpdateTime::kAfterBackward, UpdateTime::kInNextForward};
    if (!problem_.clips) times.push_back(UpdateTime::kInBackward);
    if (problem_.clips && problem_.may_speculate) times.push_back(UpdateTime::kSpeculative);
    for (const UpdateTime time : times) {
      next.rest.update = time;
      for (const SavedAction inputs :
           {SavedAction::kKeep, SavedAction::kHost, SavedAction::kDisk}) {
        if (inputs == SavedAction::kDisk && !has_disk()) continue;
        next.rest.block_inputs = inputs;
        all.push_back(next);
      }
    }
  }

  std::vector<Decisions> with_blocks(const Decisions& step) const {
    std::vector<Decisions> all;
    const std::vector<double> left =
        step.rest.updates_in_backward() ? std::vector{0.0, 0.5, 1.0} : std::vector{0.0};
    const std::vector<double> in_ram = has_disk() ? std::vector{0.0, 0.5} : std::vector<double>{};
    for (BlockPlan how : ways_to_keep(in_ram)) {
      const bool sums_on_host = step.rest.accumulators == Tier::kHost;
      if (sums_on_host && how.gradients == Tier::kDevice) how.gradients = Tier::kHost;
      for (const double share : left) {
        how.next_forward_share = share;
        add_blocks(step, how, all);
        const bool waits = step.rest.update == UpdateTime::kInNextForward || share > 0.0;
        if (how.gradients != Tier::kHost || !has_disk() || !waits) continue;
        BlockPlan spilled = how;
        spilled.gradients = Tier::kDisk;
        add_blocks(step, spilled, all);
      }
    }
    return all;
  }

  void add_blocks(Decisions step, const BlockPlan& how, std::vector<Decisions>& all) const {
    step.blocks.assign(problem_.graph.blocks.size(), how);
    for (const bool is_mixed : {false, true}) {
      if (is_mixed && how.weights.tier == Tier::kDevice && how.states.tier == Tier::kDevice) return;
      for (std::size_t b = 1; is_mixed && b < step.blocks.size(); b += 2) {
        step.blocks[b] = {.next_forward_share = how.next_forward_share > 0.5 ? 1.0 : 0.0};
        if (step.rest.accumulators == Tier::kHost) step.blocks[b].gradients = Tier::kHost;
      }
      all.push_back(step);
      place_embedding(problem_, all.back());
    }
  }

  // --- bounds

  bool has_disk() const { return problem_.caps.bytes[2].count > 0; }

  struct Bound {
    double cost = 0.0;
    std::array<double, kLaneCount> work{};
    std::array<double, kTierCount> lasting{};  // bytes that live across steps
  };

  std::optional<Bound> bound_of(const Plan& plan) const {
    std::optional<LoweredPass> pass;
    try {
      pass = lower(
          problem_.graph, problem_.format, plan, problem_.shape, Pass::kTrain, workers(problem_));
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
    set_saved(next, {work_.units.size(), work_.units.size(), work_.units.size()});
    counts_.plans += cuts().size();
    if (!has_room(next)) return;
    const std::optional<Bound> bound = bound_of(plan_of(problem_, work_, next));
    if (!bound || bound->cost >= best_) return;
    for (const auto& cut : cuts()) {
      set_saved(next, cut);
      if (may_win(next, *bound)) judge_plan(plan_of(problem_, work_, next));
    }
  }

  using Cut = std::array<std::size_t, 3>;  // units before are kept, on the host, on disk

  const std::vector<Cut>& cuts() {
    if (!cuts_.empty()) return cuts_;
    const std::size_t all = work_.units.size();
    for (std::size_t kept = 0; kept <= all; ++kept) {
      for (std::size_t host = kept; host <= all; ++host) {
        for (std::size_t disk = host; disk <= (has_disk() ? all : host); ++disk) {
          cuts_.push_back({kept, host, disk});
        }
      }
    }
    return cuts_;
  }

  void set_saved(Decisions& next, const Cut& cut) const {
    next.saved.clear();
    for (std::size_t u = 0; u < work_.units.size(); ++u) {
      const SavedAction action = u < cut[0]   ? SavedAction::kKeep
                                 : u < cut[1] ? SavedAction::kHost
                                 : u < cut[2] ? SavedAction::kDisk
                                              : SavedAction::kRecompute;
      next.saved.emplace_back(
          work_.units[u].sites.size(),
          Actions(static_cast<std::size_t>(problem_.shape.micro_batches), action));
    }
  }

  void judge_plan(const Plan& plan) {
    ++counts_.simulated;
    Trial trial = judging_.simulated(plan, best_);
    const double cost = judging_.cost_of(trial);
    if (!trial.may_fit(problem_.caps) || cost >= best_) return;
    ++counts_.placed;
    if (!judging_.placed(std::move(trial)).fits(problem_.caps)) return;
    best_ = cost;
    plan_ = plan;
  }

  const Problem& problem_;
  Judging judging_;
  CostModel costs_;
  StepRates rates_;
  Workload work_;
  double best_ = 0.0;
  std::optional<Plan> plan_;
  Counts counts_;
  std::vector<Cut> cuts_;
};

}  // namespace longhaul::test
