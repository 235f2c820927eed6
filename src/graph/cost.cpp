#include "longhaul/graph/cost.h"

namespace longhaul {
namespace {

// Element-wise arithmetic per element, counted generously once: it never decides a lane.
constexpr double kNormFlops = 6.0;
constexpr double kActivationFlops = 8.0;

struct ForwardFlops {
  double tokens;
  double operator()(const Embedding&) const { return 0.0; }
  double operator()(const Add& n) const { return tokens * static_cast<double>(n.width); }
  double operator()(const RmsNorm& n) const {
    return kNormFlops * tokens * static_cast<double>(n.width * n.groups);
  }
  double operator()(const LayerNorm& n) const {
    return kNormFlops * tokens * static_cast<double>(n.width);
  }
  double operator()(const Linear& n) const {
    return 2.0 * tokens * static_cast<double>(n.in) * static_cast<double>(n.out);
  }
  double operator()(const Rotary& n) const {
    return 3.0 * tokens * static_cast<double>(n.heads * n.head_dim);
  }
  double operator()(const Attention& n) const {
    const double window = n.window > 0 ? static_cast<double>(n.window) : tokens;
    const double visible = window < tokens ? window : tokens / 2.0;
    return 4.0 * tokens * visible * static_cast<double>(n.heads * n.head_dim);
  }
  double operator()(const Swiglu& n) const {
    return kActivationFlops * tokens * static_cast<double>(n.width);
  }
  double operator()(const Gelu& n) const {
    return kActivationFlops * tokens * static_cast<double>(n.width);
  }
  double operator()(const HeadLoss& n) const {
    return 2.0 * tokens * static_cast<double>(n.rows) * static_cast<double>(n.width);
  }
};

// Backward work over forward work. Products: two of the same size. Attention: five products for
// the forward's two (Dao et al. 2022, appendix B).
double backward_ratio(const Node& node) {
  return is<Attention>(node) ? 2.5 : 2.0;
}

Bytes operand_bytes(const ModelGraph& graph, const Node& node, const BatchShape& shape) {
  Bytes bytes;
  for (const TensorId id : node.outputs) bytes += byte_count(graph[id], shape);
  for (const TensorId id : node.inputs) {
    // A gather reads one row a token, not the table.
    const bool is_table = is<Embedding>(node) && graph[id].kind == TensorKind::kParameter;
    bytes +=
        is_table ? byte_count(graph[node.outputs.front()], shape) : byte_count(graph[id], shape);
  }
  return bytes;
}

}  // namespace

NodeCost forward_cost(const ModelGraph& graph, const Node& node, const BatchShape& shape) {
  const double flops = std::visit(ForwardFlops{static_cast<double>(shape.tokens)}, node.kind);
  return {{flops}, operand_bytes(graph, node, shape)};
}

NodeCost backward_cost(const ModelGraph& graph, const Node& node, const BatchShape& shape) {
  const NodeCost forward = forward_cost(graph, node, shape);
  return {forward.flops * backward_ratio(node), forward.bytes * 2};
}

Flops step_flops(const ModelGraph& graph, const BatchShape& shape) {
  Flops total;
  for (const Node& node : graph.nodes) {
    total += forward_cost(graph, node, shape).flops + backward_cost(graph, node, shape).flops;
  }
  return total;
}

}  // namespace longhaul
