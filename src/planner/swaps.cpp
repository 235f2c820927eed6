#include "longhaul/planner/swaps.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "longhaul/config/schema.h"
#include "longhaul/graph/backward.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/planner/lohan.h"

namespace longhaul {
namespace {

// The results of one node that backward reads: they leave together.
struct Candidate {
  std::vector<TensorId> tensors;
  Bytes bytes;  // of a step
  double benefit = 0.0;
};

const Node& producer_of(const ModelGraph& graph, TensorId tensor) {
  const auto writes = [&](const Node& node) {
    return std::find(node.outputs.begin(), node.outputs.end(), tensor) != node.outputs.end();
  };
  return *std::find_if(graph.nodes.begin(), graph.nodes.end(), writes);
}

// Nothing of the last block leaves: it is visited forward and backward in one turn.
std::vector<Candidate> candidates(const ModelGraph& graph,
                                  const BatchShape& shape,
                                  const LohanWork& work) {
  const BlockId last = make_id<BlockId>(graph.blocks.size() - 1);
  std::vector<Candidate> all;
  for (const SwapLayer& layer : work.layers) {
    const Node& node = producer_of(graph, layer.tensor);
    if (node.block == last) continue;
    const std::vector<TensorId> saved = saved_tensors(graph, node.block);
    Candidate one;
    for (const TensorId id : node.outputs) {
      if (std::find(saved.begin(), saved.end(), id) == saved.end()) continue;
      one.tensors.push_back(id);
      one.bytes += byte_count(graph[id], shape) * shape.micro_batches;
    }
    one.benefit = layer.flops.count / static_cast<double>(one.bytes.count);
    all.push_back(std::move(one));
  }
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    return a.benefit > b.benefit;
  });
  return all;
}

struct Request {
  std::string policy;
  Bytes bytes;
  std::optional<Bytes> in_ram;
};

const Schema<Request>& request_keys() {
  static const Schema<Request> all_keys = [] {
    Schema<Request> keys;
    keys.add_required(
        "policy",
        [](Request & r) -> auto& { return r.policy; },
        one_of<std::string>(
            {{"lohan", "lohan"}, {"lohan_naive", "lohan_naive"}, {"lohan_serial", "lohan_serial"}}),
        "Whose rules make the plan.");
    keys.add_required(
        "swap_bytes",
        [](Request & r) -> auto& { return r.bytes; },
        size_value(),
        "Activations that leave the device in a step; at least the inputs of blocks do.");
    keys.add(
        "swap_in_ram",
        [](Request & r) -> auto& { return r.in_ram; },
        word_or<Bytes>("all", size_value()),
        "The most of them that stays on the host; the rest goes on to disk.");
    return keys;
  }();
  return all_keys;
}

}  // namespace

void swap_activations(Plan& plan,
                      const ModelGraph& graph,
                      const BatchShape& shape,
                      const Swaps& swaps) {
  const LohanWork work = lohan_work(graph, shape);
  const bool fit_inputs = work.block_inputs <= swaps.in_ram;
  plan.block_inputs = fit_inputs ? SavedAction::kHost : SavedAction::kDisk;
  Bytes swapped = work.block_inputs;
  Bytes in_ram = fit_inputs ? swapped : Bytes{};
  plan.saved.clear();
  for (const Candidate& candidate : candidates(graph, shape, work)) {
    swapped += candidate.bytes;
    if (swapped > swaps.bytes) break;
    const bool fits = in_ram + candidate.bytes <= swaps.in_ram;
    if (fits) in_ram += candidate.bytes;
    const SavedAction action = fits ? SavedAction::kHost : SavedAction::kDisk;
    for (const TensorId id : candidate.tensors) plan.saved.push_back({graph[id].name, {}, action});
  }
  plan.saved.push_back({"*", {}, SavedAction::kRecompute});
}

bool is_swap_request(const Document& document) {
  return find(document.root, "swap_bytes") != nullptr;
}

Plan make_plan(const Document& document, const ModelGraph& graph, const BatchShape& shape) {
  ConfigErrors errors;
  Request request;
  request_keys().read(document, request, errors);
  errors.throw_if_any();
  Plan plan = make_plan(request.policy);
  swap_activations(plan, graph, shape, {request.bytes, request.in_ram.value_or(Swaps{}.in_ram)});
  return plan;
}

}  // namespace longhaul
