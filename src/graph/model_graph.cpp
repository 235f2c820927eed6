#include "longhaul/graph/model_graph.h"

#include <array>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::int64_t value_of(const Dim& dim, const BatchShape& shape) {
  switch (dim.symbol) {
    case Symbol::kOne: return dim.factor;
    case Symbol::kTokens: return dim.factor * shape.tokens;
    case Symbol::kOffsets: return dim.factor * (shape.max_segments + 1);
    case Symbol::kPositions: return dim.factor * shape.positions;
  }
  return 0;
}

// What is known while the nodes are walked in order.
struct Walk {
  const ModelGraph& graph;
  std::vector<bool> is_written;

  void check_inputs(const Node& node) const {
    for (const TensorId id : node.inputs) {
      require(id.exists() && id.index() < graph.tensors.size(),
              node.name,
              ": input ",
              id.value,
              " is no tensor of the graph");
      const Tensor& tensor = graph[id];
      const bool is_produced =
          tensor.kind == TensorKind::kActivation || tensor.kind == TensorKind::kStatistic;
      require(!is_produced || is_written[id.index()],
              node.name,
              ": reads ",
              tensor.name,
              " before any node wrote it");
    }
  }

  void take_outputs(const Node& node) {
    for (const TensorId id : node.outputs) {
      require(id.exists() && id.index() < graph.tensors.size(),
              node.name,
              ": output ",
              id.value,
              " is no tensor of the graph");
      const Tensor& tensor = graph[id];
      require(tensor.kind == TensorKind::kActivation || tensor.kind == TensorKind::kStatistic,
              node.name,
              ": writes ",
              tensor.name,
              ", which no node may write");
      require(
          !is_written[id.index()], tensor.name, ": has two producers, the second is ", node.name);
      is_written[id.index()] = true;
    }
  }
};

struct Arity {
  std::size_t inputs;
  std::size_t outputs;
};

struct ArityOf {
  Arity operator()(const Embedding&) const { return {3, 1}; }
  Arity operator()(const Add&) const { return {2, 1}; }
  Arity operator()(const RmsNorm&) const { return {2, 2}; }
  Arity operator()(const LayerNorm&) const { return {3, 3}; }
  Arity operator()(const Linear& linear) const { return {linear.has_bias ? 3U : 2U, 1}; }
  Arity operator()(const Rotary&) const { return {4, 1}; }
  Arity operator()(const Attention&) const { return {4, 2}; }
  Arity operator()(const Swiglu&) const { return {2, 1}; }
  Arity operator()(const Gelu&) const { return {1, 1}; }
  Arity operator()(const HeadLoss&) const { return {3, 1}; }
};

// Sizes of the operands at one token, in the order of node.h.
struct SizesOf {
  using Sizes = std::vector<std::int64_t>;
  Sizes operator()(const Embedding& n) const { return {1, 1, n.rows * n.width, n.width}; }
  Sizes operator()(const Add& n) const { return {n.width, n.width, n.width}; }
  Sizes operator()(const RmsNorm& n) const {
    return {n.width * n.groups, n.width, n.width * n.groups, n.groups};
  }
  Sizes operator()(const LayerNorm& n) const { return {n.width, n.width, n.width, n.width, 1, 1}; }
  Sizes operator()(const Linear& n) const {
    if (n.has_bias) return {n.in, n.in * n.out, n.out, n.out};
    return {n.in, n.in * n.out, n.out};
  }
  Sizes operator()(const Rotary& n) const {
    return {n.heads * n.head_dim, n.rotary_dim / 2, n.rotary_dim / 2, 1, n.heads * n.head_dim};
  }
  Sizes operator()(const Attention& n) const {
    const std::int64_t kv = n.kv_heads * n.head_dim;
    return {n.heads * n.head_dim, kv, kv, 2, n.heads * n.head_dim, n.heads};
  }
  Sizes operator()(const Swiglu& n) const { return {n.width, n.width, n.width}; }
  Sizes operator()(const Gelu& n) const { return {n.width, n.width}; }
  Sizes operator()(const HeadLoss& n) const { return {n.width, n.rows * n.width, 1, 1}; }
};

void check_operands(const ModelGraph& graph, const Node& node) {
  const Arity arity = std::visit(ArityOf{}, node.kind);
  require(node.inputs.size() == arity.inputs && node.outputs.size() == arity.outputs,
          node.name,
          ": got ",
          node.inputs.size(),
          " inputs and ",
          node.outputs.size(),
          " outputs, expected ",
          arity.inputs,
          " and ",
          arity.outputs);
  const BatchShape one_token{.tokens = 1, .max_segments = 1, .positions = 1};
  const std::vector<std::int64_t> sizes = std::visit(SizesOf{}, node.kind);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const TensorId id = i < arity.inputs ? node.inputs[i] : node.outputs[i - arity.inputs];
    const std::int64_t count = element_count(graph[id], one_token);
    require(count == sizes[i],
            node.name,
            ": operand ",
            i,
            " (",
            graph[id].name,
            ") has ",
            count,
            " elements a token, expected ",
            sizes[i]);
  }
}

}  // namespace

const char* kind_name(const Node& node) {
  static constexpr std::array<const char*, std::variant_size_v<NodeKind>> kNames{"embedding",
                                                                                 "add",
                                                                                 "rms_norm",
                                                                                 "layer_norm",
                                                                                 "linear",
                                                                                 "rotary",
                                                                                 "attention",
                                                                                 "swiglu",
                                                                                 "gelu",
                                                                                 "head_loss"};
  return kNames.at(node.kind.index());
}

std::int64_t element_count(const Tensor& tensor, const BatchShape& shape) {
  std::int64_t count = 1;
  for (const Dim& dim : tensor.shape) count *= value_of(dim, shape);
  return count;
}

Bytes byte_count(const Tensor& tensor, const BatchShape& shape) {
  return Bytes{element_count(tensor, shape) * size_of(tensor.dtype)};
}

std::int64_t parameter_count(const ModelGraph& graph) {
  std::int64_t count = 0;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.kind == TensorKind::kParameter) count += element_count(tensor, {});
  }
  return count;
}

void check(const ModelGraph& graph) {
  Walk walk{graph, std::vector<bool>(graph.tensors.size(), false)};
  for (const Node& node : graph.nodes) {
    walk.check_inputs(node);
    check_operands(graph, node);
    walk.take_outputs(node);
  }
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    for (const TensorId id : graph.blocks[b].parameters) {
      require(graph[id].kind == TensorKind::kParameter && graph[id].block.index() == b,
              graph.blocks[b].name,
              ": ",
              graph[id].name,
              " is not one of its parameters");
    }
    for (const NodeId id : graph.blocks[b].nodes) {
      require(graph[id].block.index() == b, graph[id].name, ": is listed in another block");
    }
  }
}

void tile_head(ModelGraph& graph, std::int64_t rows) {
  for (Node& node : graph.nodes) {
    if (auto* head = std::get_if<HeadLoss>(&node.kind)) head->tile_rows = rows;
  }
}

}  // namespace longhaul
