#include "decisions.h"

#include <algorithm>
#include <map>

namespace longhaul {
namespace {

// Whether the head's weight is the embedding's table, of `block`.
bool is_tied(const ModelGraph& graph, std::size_t block) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    return is<HeadLoss>(node) && graph[node.inputs[1]].block.index() == block;
  });
}

void add_rules(const std::string& tensors, const Actions& actions, Plan& plan) {
  for (const SavedAction action :
       {SavedAction::kHost, SavedAction::kDisk, SavedAction::kRecompute, SavedAction::kKeep}) {
    SavedRule rule{tensors, {}, action};
    for (std::size_t m = 0; m < actions.size(); ++m) {
      if (actions[m] == action) rule.micro_batches.push_back(static_cast<int>(m));
    }
    if (rule.micro_batches.empty()) continue;
    if (rule.micro_batches.size() == actions.size()) rule.micro_batches.clear();
    plan.saved.push_back(std::move(rule));
  }
}

// The actions that most sites have become one rule for all, the others rules of their own before
// it.
void add_saved(const ModelGraph& graph,
               const SavedUnit& unit,
               const std::vector<Actions>& of_site,
               Plan& plan) {
  std::map<Actions, int> uses;
  for (const Actions& actions : of_site) ++uses[actions];
  const auto usual = std::max_element(uses.begin(), uses.end(), [](const auto& a, const auto& b) {
                       return a.second < b.second;
                     })->first;
  for (std::size_t s = 0; s < unit.sites.size(); ++s) {
    if (of_site[s] == usual) continue;
    for (const TensorId id : unit.sites[s].tensors) add_rules(graph[id].name, of_site[s], plan);
  }
  const bool is_kept = std::all_of(
      usual.begin(), usual.end(), [](SavedAction action) { return action == SavedAction::kKeep; });
  if (is_kept) return;  // what no rule matches is kept
  for (const std::string& pattern : unit.patterns) add_rules(pattern, usual, plan);
}

const BlockPlan& most_of(const std::vector<BlockPlan>& blocks) {
  const auto uses = [&](const BlockPlan& how) {
    return std::count(blocks.begin(), blocks.end(), how);
  };
  return *std::max_element(blocks.begin(), blocks.end(), [&](const auto& a, const auto& b) {
    return uses(a) < uses(b);
  });
}

}  // namespace

Decisions decisions_of(const Problem& problem, const Workload& work, const Plan& plan) {
  const ModelGraph& graph = problem.graph;
  Decisions decisions{.rest = plan};
  decisions.rest.blocks = {};
  decisions.rest.exceptions.clear();
  decisions.rest.saved.clear();
  for (const Block& block : graph.blocks) decisions.blocks.push_back(plan.of(block));
  for (const SavedUnit& unit : work.units) {
    auto& sites = decisions.saved.emplace_back();
    for (const SavedUnit::Site& site : unit.sites) {
      Actions& actions = sites.emplace_back();
      for (int m = 0; m < problem.shape.micro_batches; ++m) {
        actions.push_back(saved_action(plan, graph, site.block, site.tensors.front(), m));
      }
    }
  }
  return decisions;
}

Plan plan_of(const Problem& problem, const Workload& work, const Decisions& decisions) {
  Plan plan = decisions.rest;
  plan.blocks = most_of(decisions.blocks);
  for (std::size_t b = 0; b < decisions.blocks.size(); ++b) {
    if (decisions.blocks[b] == plan.blocks) continue;
    plan.exceptions[problem.graph.blocks[b].name] = decisions.blocks[b];
  }
  for (std::size_t u = 0; u < work.units.size(); ++u) {
    add_saved(problem.graph, work.units[u], decisions.saved[u], plan);
  }
  return plan;
}

std::array<double, kTierCount> bytes_of_states(const Problem& problem,
                                               const Workload& work,
                                               const Decisions& decisions) {
  double states = 0.0;
  for (const StateStream& stream : problem.format.streams) {
    states += static_cast<double>(size_of(stream.dtype));
  }
  const auto weight = static_cast<double>(size_of(problem.format.weight()));
  std::array<double, kTierCount> taken{};
  const auto take = [&](const StateHome& home, double bytes) {
    const double in_ram = home.tier == Tier::kDisk ? home.ram_share : 0.0;
    taken[static_cast<std::size_t>(home.tier)] += bytes * (1.0 - in_ram);
    taken[static_cast<std::size_t>(Tier::kHost)] += bytes * in_ram;
  };
  for (std::size_t b = 0; b < decisions.blocks.size(); ++b) {
    const BlockPlan& how = decisions.blocks[b];
    take(how.weights, weight * work.block_weights[b]);
    take(how.states, (states - weight) * work.block_trainable[b]);
    if (how.keeps_weights_on_device) take({Tier::kDevice}, weight * work.block_weights[b]);
  }
  return taken;
}

void place_embedding(const Problem& problem, Decisions& decisions) {
  const ModelGraph& graph = problem.graph;
  Plan& plan = decisions.rest;
  const std::optional<std::size_t> block = embedding_block(graph);
  const bool sums_on_host = plan.accumulators == Tier::kHost && problem.shape.micro_batches > 1;
  if (!block || (problem.shape.micro_batches > 1 && !sums_on_host)) return;
  BlockPlan& how = decisions.blocks[*block];
  const bool streams = how.weights.tier != Tier::kDevice && !how.keeps_weights_on_device &&
                       how.update_on == Tier::kHost;
  if (!streams && !(sums_on_host && is_tied(graph, *block))) return;
  how.keeps_weights_on_device = false;
  how.update_on = Tier::kHost;
  how.weights = {Tier::kHost};
  if (how.states.tier == Tier::kDevice) how.states = {Tier::kHost};
  how.gradients = Tier::kHost;
  if (plan.update == UpdateTime::kSpeculative) how.next_forward_share = 0.0;
  plan.embeds_on_host = true;
}

}  // namespace longhaul
