// The plans that ExhaustivePlans looks at:
//
//   the step       groups of 1 to all micro-batches (divisors), sums on device or host, two pairs
//                  of prefetch windows, every time of updates that the rules allow, inputs of
//                  blocks kept, on host or on disk
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
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "planner/decisions.h"
#include "planner/moves.h"
#include "planner/search.h"

namespace longhaul::test {

class PlanSpace {
 public:
  using Cut = std::array<std::size_t, 3>;  // units before are kept, on the host, on disk

  // Keeps references to its arguments.
  PlanSpace(const Problem& problem, const Workload& work) : problem_(problem), work_(work) {}

  // Everything but blocks and saved tensors.
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

  // Those with every way to keep blocks.
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

  std::vector<Cut> cuts() const {
    std::vector<Cut> all_cuts;
    const std::size_t all = work_.units.size();
    for (std::size_t kept = 0; kept <= all; ++kept) {
      for (std::size_t host = kept; host <= all; ++host) {
        for (std::size_t disk = host; disk <= (has_disk() ? all : host); ++disk) {
          all_cuts.push_back({kept, host, disk});
        }
      }
    }
    return all_cuts;
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

 private:
  bool has_disk() const { return problem_.caps.bytes[2].count > 0; }

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

  const Problem& problem_;
  const Workload& work_;
};

}  // namespace longhaul::test
