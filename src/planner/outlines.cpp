// Where decisions begin: the ways to keep a block, and plans in few strokes.

#include "moves.h"

namespace longhaul {

std::vector<double> shares_in_ram(bool has_disk) {
  return has_disk ? std::vector{0.0, 0.5} : std::vector<double>{};
}

std::vector<BlockPlan> ways_to_keep(const std::vector<double>& ram_shares) {
  std::vector<BlockPlan> ways{{}};  // all on the device
  const auto add = [&](const StateHome& weights, const StateHome& states) {
    ways.push_back({.weights = weights,
                    .states = states,
                    .keeps_weights_on_device = true,
                    .update_on = Tier::kHost,
                    .gradients = Tier::kHost});
    ways.push_back(
        {.weights = weights, .states = states, .update_on = Tier::kHost, .gradients = Tier::kHost});
    ways.push_back({.weights = weights, .states = states});
  };
  ways.push_back({.states = {Tier::kHost}});
  add({Tier::kHost}, {Tier::kHost});
  for (const double share : ram_shares) {
    const StateHome disk{Tier::kDisk, share};
    ways.push_back({.states = disk});
    add({Tier::kHost}, disk);
    add(disk, disk);
  }
  return ways;
}

std::vector<Decisions> outlines(const Problem& problem, const Workload& work) {
  std::vector<Decisions> all;
  const bool has_disk = problem.caps.bytes[static_cast<std::size_t>(Tier::kDisk)].count > 0;
  Decisions next;
  next.rest.policy = "auto";
  next.rest.group = 0;
  next.rest.block_inputs = SavedAction::kHost;
  for (const SavedUnit& unit : work.units) {
    next.saved.emplace_back(
        unit.sites.size(),
        Actions(static_cast<std::size_t>(problem.shape.micro_batches), SavedAction::kRecompute));
  }
  std::vector<UpdateTime> times{
      UpdateTime::kAfterBackward,
      problem.clips ? UpdateTime::kInNextForward : UpdateTime::kInBackward};
  if (problem.clips && problem.may_speculate) times.push_back(UpdateTime::kSpeculative);
  const BlockPlan on_host{.weights = {Tier::kHost},
                          .states = {Tier::kHost},
                          .update_on = Tier::kHost,
                          .gradients = Tier::kHost};
  for (const UpdateTime time : times) {
    next.rest.update = time;
    for (const BlockPlan& how : ways_to_keep(shares_in_ram(has_disk))) {
      for (const BlockPlan& other : {how, BlockPlan{}, on_host}) {
        next.blocks.assign(problem.graph.blocks.size(), how);
        for (std::size_t b = 1; b < next.blocks.size(); b += 2) next.blocks[b] = other;
        all.push_back(next);
        if (other == how) continue;
        next.blocks.assign(problem.graph.blocks.size(), how);
        next.blocks.front() = other;
        next.blocks.back() = other;
        all.push_back(next);
      }
    }
  }
  return all;
}

}  // namespace longhaul
