#include "longhaul/plan/plan.h"

#include <algorithm>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// `pattern` with * for any characters, against all of `text`.
bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  if (rest.find('*') == std::string_view::npos) return text.substr(star).ends_with(rest);
  for (std::size_t at = star; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at))) return true;
  }
  return false;
}

bool covers(const SavedRule& rule, int micro_batch) {
  return rule.micro_batches.empty() ||
         std::find(rule.micro_batches.begin(), rule.micro_batches.end(), micro_batch) !=
             rule.micro_batches.end();
}

template <class... Parts>
void expect(bool holds, const Parts&... parts) {
  if (!holds) throw ConfigError(concat("plan: ", parts...));
}

void check_home(const StateHome& home, const std::string& where) {
  expect(home.ram_share >= 0.0 && home.ram_share <= 1.0,
         where,
         ": in_ram: got ",
         home.ram_share,
         ", expected 0 to 1");
  expect(home.tier == Tier::kDisk || home.ram_share == 0.0,
         where,
         ": in_ram says how much of a home on disk stays in RAM; the home is ",
         name_of(home.tier));
}

void check_block(const BlockPlan& block, const Plan& plan, const std::string& name) {
  check_home(block.weights, name + ".weights");
  check_home(block.states, name + ".states");
  expect(block.update_on != Tier::kDisk, name, ": update_on: expected device or host");
  expect(block.update_on == Tier::kDevice || block.weights.tier != Tier::kDevice,
         name,
         ": an update on the host needs a home of the weights on host or disk; "
         "keep_on_device leaves a copy on the device");
  expect(block.update_on == Tier::kDevice || block.states.tier != Tier::kDevice,
         name,
         ": an update on the host cannot use states on the device");
  expect(!block.keeps_weights_on_device || block.weights.tier != Tier::kDevice,
         name,
         ": keep_on_device: the home of the weights is the device already");
  expect(plan.accumulators == Tier::kDevice || block.gradients != Tier::kDevice,
         name,
         ": sums on the host leave the gradient there: gradients: host or disk");
}

void check_share(const BlockPlan& block, const Plan& plan, const std::string& name) {
  const double share = block.next_forward_share;
  expect(
      share >= 0.0 && share <= 1.0, name, ": next_forward_share: got ", share, ", expected 0 to 1");
  expect(
      share == 0.0 || plan.updates_in_backward(),
      name,
      ": next_forward_share: the rest is updated in backward; update: in_backward or speculative");
  const bool is_split = share > 0.0 && share < 1.0 && plan.update == UpdateTime::kSpeculative;
  expect(!is_split || block.weights.tier != Tier::kDevice,
         name,
         ": next_forward_share: speculative updates exchange weights on the device as a whole; "
         "weights.home: host or disk, or a share of 0 or 1");
}

// What the embedding's place and the place of the sums ask of each other and of its block.
void check_embedding(const Plan& plan, const ModelGraph& graph, int micro_batches) {
  for (const Node& node : graph.nodes) {
    if (!is<Embedding>(node)) continue;
    const Block& block = graph[graph[node.inputs[2]].block];
    const BlockPlan& how = plan.of(block);
    const bool is_on_host = how.weights.tier == Tier::kHost && how.update_on == Tier::kHost &&
                            how.gradients == Tier::kHost;
    expect(!plan.embeds_on_host || is_on_host,
           "embedding: host: the weights, gradients and updates of ",
           block.name,
           " have to be on the host too");
    expect(!plan.embeds_on_host || plan.update != UpdateTime::kSpeculative ||
               how.next_forward_share == 0.0 || how.next_forward_share == 1.0,
           "embedding: host: speculative updates exchange its table as a whole; ",
           block.name,
           ": next_forward_share: 0 or 1");
    const auto reads_table = [&](const Node& other) {
      return is<HeadLoss>(other) && other.inputs[1] == node.inputs[2];
    };
    const bool is_tied = std::any_of(graph.nodes.begin(), graph.nodes.end(), reads_table);
    expect(
        micro_batches == 1 || !plan.embeds_on_host || plan.accumulators == Tier::kHost,
        "embedding: host: with several micro-batches its sums are on the host; accumulators: host");
    expect(
        micro_batches == 1 || !is_tied || plan.accumulators == Tier::kDevice || plan.embeds_on_host,
        "accumulators: host: the sums of tied embeddings belong together; embedding: host");
  }
}

}  // namespace

const BlockPlan& Plan::of(const Block& block) const {
  const auto found = exceptions.find(block.name);
  return found == exceptions.end() ? blocks : found->second;
}

std::int64_t first_deferred(const Plan& plan, const BlockPlan& block, std::int64_t trainable) {
  if (plan.update == UpdateTime::kInNextForward || block.next_forward_share == 1.0) return 0;
  if (!plan.updates_in_backward() || block.next_forward_share == 0.0) return trainable;
  const auto kept =
      static_cast<std::int64_t>(static_cast<double>(trainable) * (1.0 - block.next_forward_share));
  return kept / kShareElements * kShareElements;
}

SavedAction saved_action(
    const Plan& plan, const ModelGraph& graph, BlockId reader, TensorId tensor, int micro_batch) {
  if (graph[tensor].block != reader) return plan.block_inputs;
  for (const SavedRule& rule : plan.saved) {
    if (covers(rule, micro_batch) && matches(rule.tensors, graph[tensor].name)) return rule.action;
  }
  return SavedAction::kKeep;
}

std::vector<SavedAction> saved_actions(const Plan& plan,
                                       const ModelGraph& graph,
                                       TensorId tensor,
                                       int micro_batches) {
  std::vector<SavedAction> actions(static_cast<std::size_t>(micro_batches), SavedAction::kKeep);
  std::vector<bool> is_decided(actions.size(), false);
  int left = micro_batches;
  for (const SavedRule& rule : plan.saved) {
    if (left == 0) break;
    if (!matches(rule.tensors, graph[tensor].name)) continue;
    for (int m = 0; m < micro_batches; ++m) {
      const auto i = static_cast<std::size_t>(m);
      if (is_decided[i] || !covers(rule, m)) continue;
      actions[i] = rule.action;
      is_decided[i] = true;
      --left;
    }
  }
  return actions;
}

void check(const Plan& plan, const ModelGraph& graph, int micro_batches) {
  expect(plan.group >= 0, "group: got ", plan.group, ", expected 0 (all micro-batches) or more");
  expect(plan.chunk > 0 && plan.chunk % 65536 == 0,
         "chunk: got ",
         plan.chunk,
         " elements, expected a multiple of 65536");
  expect(plan.staging >= 2, "staging: got ", plan.staging, " slots, expected 2 or more");
  expect(plan.weight_window >= 0 && plan.saved_window >= 0, "prefetch: expected 0 or more");
  expect(plan.accumulators != Tier::kDisk, "accumulators: expected device or host");
  expect(plan.block_inputs != SavedAction::kRecompute,
         "block_inputs: recompute: another block wrote them; expected keep, host or disk");
  for (const Block& block : graph.blocks) {
    check_block(plan.of(block), plan, block.name);
    check_share(plan.of(block), plan, block.name);
  }
  check_embedding(plan, graph, micro_batches);
  for (const auto& [name, unused] : plan.exceptions) {
    const auto is_it = [&name = name](const Block& block) { return block.name == name; };
    expect(std::any_of(graph.blocks.begin(), graph.blocks.end(), is_it),
           "blocks: ",
           name,
           ": the model has no such block; it has ",
           graph.blocks.front().name,
           " to ",
           graph.blocks.back().name);
  }
}

}  // namespace longhaul
