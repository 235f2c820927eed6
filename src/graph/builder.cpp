#include "longhaul/graph/builder.h"

#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr Dim kTokensDim{1, Symbol::kTokens};

}  // namespace

GraphBuilder::GraphBuilder(DType dtype) : dtype_(dtype) {
  const auto input = [this](const char* name, Symbol symbol) {
    return add_tensor({name, TensorKind::kInput, DType::kI32, {{1, symbol}}, {}, false, false});
  };
  graph_.inputs = {.ids = input("ids", Symbol::kTokens),
                   .sorted_order = input("sorted_order", Symbol::kTokens),
                   .positions = input("positions", Symbol::kTokens),
                   .positions_order = input("positions_order", Symbol::kTokens),
                   .targets = input("targets", Symbol::kTokens),
                   .segment_offsets = input("segment_offsets", Symbol::kOffsets)};
}

void GraphBuilder::begin_block(const std::string& name) {
  block_ = make_id<BlockId>(graph_.blocks.size());
  graph_.blocks.push_back({name, {}, {}});
}

TensorId GraphBuilder::parameter(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const TensorId id =
      add_tensor({name, TensorKind::kParameter, dtype_, {{rows}, {columns}}, block_, true, true});
  graph_.blocks[block_.index()].parameters.push_back(id);
  return id;
}

TensorId GraphBuilder::parameter(const std::string& name, std::int64_t width) {
  const TensorId id =
      add_tensor({name, TensorKind::kParameter, dtype_, {{width}}, block_, true, false});
  graph_.blocks[block_.index()].parameters.push_back(id);
  return id;
}

TensorId GraphBuilder::position_table(const std::string& name, std::int64_t width) {
  const std::vector<Dim> shape{{1, Symbol::kPositions}, {width}};
  return add_tensor({name, TensorKind::kConstant, DType::kF32, shape, {}, false, false});
}

TensorId GraphBuilder::embedding(const std::string& name, TensorId table) {
  const auto rows = graph_[table].shape.front().factor;
  const TensorId y = activation(name, width_of(table));
  add_node(name,
           Embedding{rows, width_of(table)},
           {graph_.inputs.ids, graph_.inputs.sorted_order, table},
           {y});
  return y;
}

TensorId GraphBuilder::position_embedding(const std::string& name, TensorId table) {
  const auto rows = graph_[table].shape.front().factor;
  const TensorId y = activation(name, width_of(table));
  add_node(name,
           Embedding{rows, width_of(table)},
           {graph_.inputs.positions, graph_.inputs.positions_order, table},
           {y});
  return y;
}

TensorId GraphBuilder::add(const std::string& name, TensorId a, TensorId b) {
  const TensorId y = activation(name, width_of(a));
  add_node(name, Add{width_of(a)}, {a, b}, {y});
  return y;
}

TensorId GraphBuilder::rms_norm(const std::string& name, TensorId x, TensorId gain, float epsilon) {
  const std::int64_t width = width_of(gain);
  require(width_of(x) % width == 0, name, ": rows of ", width_of(x), " are no groups of ", width);
  const std::int64_t groups = width_of(x) / width;
  const TensorId y = activation(name, width_of(x));
  const TensorId rstd = statistic(name + ".rstd", {kTokensDim, {groups}});
  add_node(name, RmsNorm{width, groups, epsilon}, {x, gain}, {y, rstd});
  return y;
}

TensorId GraphBuilder::layer_norm(
    const std::string& name, TensorId x, TensorId gain, TensorId bias, float epsilon) {
  const TensorId y = activation(name, width_of(x));
  const TensorId mean = statistic(name + ".mean", {kTokensDim});
  const TensorId rstd = statistic(name + ".rstd", {kTokensDim});
  add_node(name, LayerNorm{width_of(x), epsilon}, {x, gain, bias}, {y, mean, rstd});
  return y;
}

TensorId GraphBuilder::linear(const std::string& name, TensorId x, TensorId weight, TensorId bias) {
  const Linear kind{width_of(weight), graph_[weight].shape.front().factor, bias.exists()};
  const TensorId y = activation(name, kind.out);
  std::vector<TensorId> inputs{x, weight};
  if (bias.exists()) inputs.push_back(bias);
  add_node(name, kind, std::move(inputs), {y});
  return y;
}

TensorId GraphBuilder::rotary(
    const std::string& name, TensorId x, TensorId cosines, TensorId sines, const Rotary& kind) {
  const TensorId y = activation(name, width_of(x));
  add_node(name, kind, {x, cosines, sines, graph_.inputs.positions}, {y});
  return y;
}

TensorId GraphBuilder::attention(
    const std::string& name, TensorId q, TensorId k, TensorId v, const Attention& kind) {
  const TensorId y = activation(name, width_of(q));
  const TensorId log_sum_exp = statistic(name + ".log_sum_exp", {{kind.heads}, kTokensDim});
  add_node(name, kind, {q, k, v, graph_.inputs.segment_offsets}, {y, log_sum_exp});
  return y;
}

TensorId GraphBuilder::swiglu(const std::string& name, TensorId gate, TensorId up) {
  const TensorId y = activation(name, width_of(gate));
  add_node(name, Swiglu{width_of(gate)}, {gate, up}, {y});
  return y;
}

TensorId GraphBuilder::gelu(const std::string& name, TensorId x, bool is_tanh) {
  const TensorId y = activation(name, width_of(x));
  add_node(name, Gelu{width_of(x), is_tanh}, {x}, {y});
  return y;
}

void GraphBuilder::head_loss(const std::string& name,
                             TensorId hidden,
                             TensorId weight,
                             std::int64_t tile) {
  const TensorId losses = statistic(name, {kTokensDim});
  const HeadLoss kind{graph_[weight].shape.front().factor, width_of(weight), tile};
  add_node(name, kind, {hidden, weight, graph_.inputs.targets}, {losses});
  graph_.hidden = hidden;
}

ModelGraph GraphBuilder::finish() {
  check(graph_);
  block_ = {};
  return std::exchange(graph_, {});
}

TensorId GraphBuilder::add_tensor(Tensor tensor) {
  graph_.tensors.push_back(std::move(tensor));
  return make_id<TensorId>(graph_.tensors.size() - 1);
}

TensorId GraphBuilder::activation(const std::string& name, std::int64_t width) {
  const std::vector<Dim> shape{kTokensDim, {width}};
  return add_tensor({name, TensorKind::kActivation, dtype_, shape, block_, false, false});
}

TensorId GraphBuilder::statistic(const std::string& name, std::vector<Dim> shape) {
  return add_tensor(
      {name, TensorKind::kStatistic, DType::kF32, std::move(shape), block_, false, false});
}

void GraphBuilder::add_node(const std::string& name,
                            NodeKind kind,
                            std::vector<TensorId> inputs,
                            std::vector<TensorId> outputs) {
  require(block_.exists(), name, ": begin_block comes first");
  graph_.blocks[block_.index()].nodes.push_back(make_id<NodeId>(graph_.nodes.size()));
  graph_.nodes.push_back({name, kind, block_, std::move(inputs), std::move(outputs)});
}

std::int64_t GraphBuilder::width_of(TensorId id) const {
  return graph_[id].shape.back().factor;
}

}  // namespace longhaul
