#include "longhaul/graph/backward.h"

#include <algorithm>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

struct SavedOf {
  const Node& node;

  using Tensors = std::vector<TensorId>;
  TensorId in(std::size_t i) const { return node.inputs[i]; }
  TensorId out(std::size_t i) const { return node.outputs[i]; }

  Tensors operator()(const Embedding&) const { return {}; }
  Tensors operator()(const Add&) const { return {}; }
  Tensors operator()(const RmsNorm&) const { return {in(0), out(1)}; }
  Tensors operator()(const LayerNorm&) const { return {in(0), out(1), out(2)}; }
  Tensors operator()(const Linear&) const { return {in(0)}; }
  Tensors operator()(const Rotary&) const { return {}; }
  Tensors operator()(const Attention&) const { return {in(0), in(1), in(2), out(0), out(1)}; }
  Tensors operator()(const Swiglu&) const { return {in(0), in(1)}; }
  Tensors operator()(const Gelu&) const { return {in(0)}; }
  Tensors operator()(const HeadLoss&) const { return {}; }  // its backward runs with its forward
};

// For every tensor, whether a gradient reaches something trainable through it.
std::vector<bool> needs_gradient(const ModelGraph& graph) {
  std::vector<bool> needs(graph.tensors.size(), false);
  for (std::size_t i = 0; i < graph.tensors.size(); ++i) needs[i] = graph.tensors[i].is_trainable;
  for (const Node& node : graph.nodes) {
    const bool is_reached = std::any_of(
        node.inputs.begin(), node.inputs.end(), [&](TensorId id) { return needs[id.index()]; });
    for (const TensorId id : node.outputs) {
      needs[id.index()] = is_reached && graph[id].kind == TensorKind::kActivation;
    }
  }
  return needs;
}

void push_unique(std::vector<TensorId>& list, TensorId id) {
  if (std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
}

bool contains(const std::vector<TensorId>& list, TensorId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

}  // namespace

std::vector<TensorId> saved_for_backward(const ModelGraph& /*graph*/, const Node& node) {
  return std::visit(SavedOf{node}, node.kind);
}

std::vector<std::vector<TensorId>> gradient_inputs(const ModelGraph& graph) {
  const std::vector<bool> needs = needs_gradient(graph);
  std::vector<std::vector<TensorId>> result;
  result.reserve(graph.nodes.size());
  for (const Node& node : graph.nodes) {
    std::vector<TensorId>& inputs = result.emplace_back();
    for (const TensorId id : node.inputs) inputs.push_back(needs[id.index()] ? id : TensorId{});
  }
  return result;
}

std::vector<TensorId> saved_tensors(const ModelGraph& graph, BlockId block) {
  std::vector<TensorId> saved;
  for (const NodeId id : graph[block].nodes) {
    for (const TensorId tensor : saved_for_backward(graph, graph[id])) push_unique(saved, tensor);
  }
  return saved;
}

std::vector<NodeId> recompute_closure(const ModelGraph& graph,
                                      BlockId block,
                                      const std::vector<TensorId>& kept) {
  const std::vector<NodeId>& nodes = graph[block].nodes;
  std::vector<TensorId> wanted = saved_tensors(graph, block);
  std::vector<NodeId> closure;
  for (auto id = nodes.rbegin(); id != nodes.rend(); ++id) {
    const Node& node = graph[*id];
    const bool is_needed = std::any_of(node.outputs.begin(), node.outputs.end(), [&](TensorId out) {
      return contains(wanted, out) && !contains(kept, out);
    });
    if (!is_needed) continue;
    closure.push_back(*id);
    for (const TensorId in : node.inputs) {
      if (graph[in].kind == TensorKind::kActivation) push_unique(wanted, in);
    }
  }
  for (const TensorId id : wanted) {
    require(graph[id].block == block || contains(kept, id),
            graph[block].name,
            ": recomputation needs ",
            graph[id].name,
            ", which is not kept");
  }
  std::reverse(closure.begin(), closure.end());
  return closure;
}

}  // namespace longhaul
