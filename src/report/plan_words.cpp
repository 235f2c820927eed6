#include "plan_words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "longhaul/core/error.h"
#include "longhaul/graph/backward.h"
#include "longhaul/graph/cost.h"
#include "longhaul/report/plan_page.h"

namespace longhaul {
namespace {

std::string saved_in_words(const Problem& problem, const Plan& plan) {
  const SavedBytes bytes = saved_bytes(problem, plan);
  if (bytes.all() == 0.0) return "nothing is saved for backward";
  std::string text;
  const auto add = [&](double part, const char* what) {
    if (part / bytes.all() < 0.0005) return;
    text += concat(text.empty() ? "" : ", ", percent(part / bytes.all()), ' ', what);
  };
  add(bytes.kept, "stay on the device");
  add(bytes.host, "go to the host");
  add(bytes.disk, "go to disk");
  add(bytes.recomputed, "are computed again");
  return "saved tensors: " + text;
}

std::string updates_in_words(const Plan& plan) {
  std::string text = concat("updates: on the ", name_of(plan.blocks.update_on));
  const double left = plan.blocks.next_forward_share;
  const std::string rest =
      left > 0.0 ? concat(", ", percent(left), " of most blocks in the next forward") : "";
  switch (plan.update) {
    case UpdateTime::kAfterBackward: return text + ", after backward";
    case UpdateTime::kInBackward: return text + ", in backward as gradients arrive" + rest;
    case UpdateTime::kInNextForward: return text + ", in the next forward; gradients wait";
    case UpdateTime::kSpeculative:
      return text + ", in backward before the norm is known, done again if it was too large" + rest;
  }
  return text;
}

std::string order_in_words(const Problem& problem, const Plan& plan) {
  const int count = problem.shape.micro_batches;
  std::string text = concat(count,
                            count == 1 ? " micro-batch of " : " micro-batches of ",
                            problem.shape.tokens,
                            " tokens");
  if (count == 1) return text;
  if (plan.group == 0 || plan.group >= count) return text + ", all through a block before the next";
  if (plan.group == 1) return text + ", one after the other";
  return concat(text, ", in groups of ", plan.group);
}

std::string home_in_words(const StateHome& home) {
  if (home.tier != Tier::kDisk || home.ram_share == 0.0) return name_of(home.tier);
  return concat("disk, ", percent(home.ram_share), " of them in RAM");
}

std::string states_in_words(const BlockPlan& block) {
  return concat("weights: ",
                home_in_words(block.weights),
                block.keeps_weights_on_device ? ", with a copy on the device" : "",
                "; optimizer states: ",
                home_in_words(block.states));
}

const char* action_in_words(SavedAction action) {
  switch (action) {
    case SavedAction::kKeep: return "stay on the device";
    case SavedAction::kHost: return "go to the host";
    case SavedAction::kDisk: return "go to disk";
    case SavedAction::kRecompute: return "are computed again";
  }
  return "";
}

}  // namespace

std::string number(double value) {
  const int digits = value == 0.0 ? 0 : static_cast<int>(std::floor(std::log10(std::abs(value))));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", std::clamp(2 - digits, 0, 6), value);
  return text.data();
}

std::string percent(double share) {
  const double value = 100.0 * share;
  std::array<char, 64> text{};
  std::snprintf(
      text.data(), text.size(), value > 0.0 && value < 9.95 ? "%.1f %%" : "%.0f %%", value);
  return text.data();
}

std::string homes(const Judgement& judgement, const std::string& name) {
  double all = 0.0;
  for (const LedgerLine& line : judgement.ledger) {
    if (line.name == name) all += static_cast<double>(line.size.count);
  }
  std::string text;
  for (const Tier tier : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    for (const LedgerLine& line : judgement.ledger) {
      if (line.name != name || line.tier != tier || line.size.count == 0) continue;
      text += concat(text.empty() ? "" : ", ",
                     percent(static_cast<double>(line.size.count) / all),
                     ' ',
                     name_of(tier));
    }
  }
  return text;
}

SavedBytes saved_bytes(const Problem& problem, const Plan& plan) {
  SavedBytes sums;
  const ModelGraph& graph = problem.graph;
  for (std::size_t b = 0; b + 1 < graph.blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    for (const TensorId id : saved_tensors(graph, block)) {
      const auto size = static_cast<double>(byte_count(graph[id], problem.shape).count);
      for (int m = 0; m < problem.shape.micro_batches; ++m) {
        switch (saved_action(plan, graph, block, id, m)) {
          case SavedAction::kKeep: sums.kept += size; break;
          case SavedAction::kHost: sums.host += size; break;
          case SavedAction::kDisk: sums.disk += size; break;
          case SavedAction::kRecompute: sums.recomputed += size; break;
        }
      }
    }
  }
  return sums;
}

std::vector<std::string> plan_in_words(const Problem& problem, const Judgement& judgement) {
  std::vector<std::string> lines{concat("weights: ", homes(judgement, "weights")),
                                 concat("optimizer states: ", homes(judgement, "optimizer states")),
                                 updates_in_words(judgement.plan),
                                 saved_in_words(problem, judgement.plan),
                                 order_in_words(problem, judgement.plan)};
  const std::string held = homes(judgement, "held gradients");
  if (!held.empty()) lines.insert(lines.begin() + 3, "held gradients: " + held);
  if (judgement.plan.embeds_on_host) {
    lines.emplace_back(
        "embedding: gathered on the host, only the rows that are used cross the link");
  }
  return lines;
}

std::vector<std::string> plan_in_words(const Plan& plan) {
  std::vector<std::string> lines{concat("policy: ", plan.policy),
                                 states_in_words(plan.blocks),
                                 updates_in_words(plan),
                                 concat("inputs of blocks ", action_in_words(plan.block_inputs))};
  for (const auto& [name, block] : plan.exceptions) {
    lines.insert(lines.begin() + 2, concat(name, ": ", states_in_words(block)));
  }
  for (const SavedRule& rule : plan.saved) {
    const std::string of = rule.micro_batches.empty()
                               ? ""
                               : concat(" of ", rule.micro_batches.size(), " micro-batches");
    lines.push_back(concat("saved tensors ", rule.tensors, of, " ", action_in_words(rule.action)));
  }
  if (plan.saved.empty()) lines.emplace_back("saved tensors stay on the device");
  lines.push_back(plan.group == 0   ? "all micro-batches go through a block before the next"
                  : plan.group == 1 ? "micro-batches one after the other"
                                    : concat("micro-batches in groups of ", plan.group));
  if (plan.embeds_on_host) {
    lines.emplace_back(
        "embedding: gathered on the host, only the rows that are used cross the link");
  }
  return lines;
}

Lane busiest(const Judgement& judgement) {
  const auto most = std::max_element(judgement.busy.begin(), judgement.busy.end());
  return static_cast<Lane>(most - judgement.busy.begin());
}

Flops model_flops(const Problem& problem) {
  const std::int64_t sequence =
      problem.rules.sequence > 0 ? problem.rules.sequence : problem.shape.tokens;
  const double share = static_cast<double>(sequence) / static_cast<double>(problem.shape.tokens);
  Flops all;
  for (const Node& node : problem.graph.nodes) {
    const Flops once = forward_cost(problem.graph, node, problem.shape).flops +
                       backward_cost(problem.graph, node, problem.shape).flops;
    all += is<Attention>(node) ? once * share : once;
  }
  return all * problem.shape.micro_batches;
}

}  // namespace longhaul
