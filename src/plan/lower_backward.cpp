// Backward of one micro-batch: gradients of activations flow in the reverse order of the nodes, and
// gradients of parameters are rounded per micro-batch, then summed in fp32 in micro-batch order.
//
// With one micro-batch the rounded gradient is the transport gradient. With several, it is written
// to the transport array all the same and added to the fp32 accumulator from there; the last
// micro-batch rounds the sum back. Embedding tables add their rows to an fp32 table of their own,
// which for tied weights is the second accumulator.

#include <algorithm>

#include "longhaul/core/error.h"

#include "lowering.h"

namespace longhaul {
namespace {

bool is_activation(const ModelGraph& graph, TensorId id) {
  return graph[id].kind == TensorKind::kActivation;
}

}  // namespace

void Lowering::add_gradients() {
  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
    const std::int64_t elements = pass_.states.layouts[b].trainable;
    const std::string& block = graph_.blocks[b].name;
    gradients_.push_back(
        add_buffer("gradients of " + block, Bytes{elements * size_of(format_.transport())}));
    if (shape_.micro_batches == 1) continue;
    accumulators_.push_back(add_buffer("accumulators of " + block, Bytes{elements * 4}));
  }
  for (const Node& node : graph_.nodes) {
    if (!is<Embedding>(node) || !graph_[node.inputs[2]].is_trainable) continue;
    const TensorId table = node.inputs[2];
    if (shape_.micro_batches > 1) {
      const Bytes size{element_count(graph_[table], shape_) * 4};
      tables_[table] = add_buffer("accumulator of rows of " + graph_[table].name, size);
    }
    const auto is_head_of = [&](const Node& other) {
      return is<HeadLoss>(other) && other.inputs[1] == table;
    };
    const bool is_tied = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), is_head_of);
    if (is_tied && shape_.micro_batches == 1) continue;  // the head writes every row first
    Op clear{.kind = OpKind::kFill, .lane = Lane::kCompute, .block = node.block};
    clear.writes = {shape_.micro_batches > 1
                        ? whole(tables_[table])
                        : slot(table, gradients_[node.block.index()], format_.transport())};
    add(std::move(clear));
  }
}

void Lowering::backward(int micro_batch) {
  const auto gradients = gradient_inputs(graph_);
  for (std::size_t n = graph_.nodes.size(); n-- > 0;) {
    const Node& node = graph_.nodes[n];
    if (is<HeadLoss>(node)) continue;  // ran with its forward
    const bool is_needed = std::any_of(
        gradients[n].begin(), gradients[n].end(), [](TensorId id) { return id.exists(); });
    if (!is_needed) continue;
    if (is<Add>(node)) {
      backward_add(node, gradients[n]);
    } else {
      backward_node(node, gradients[n], micro_batch);
    }
  }
  d_.clear();
  sharers_.clear();
  has_gradient_.clear();
}

void Lowering::backward_node(const Node& node,
                             const std::vector<TensorId>& gradients,
                             int micro_batch) {
  Op op = node_op(OpKind::kBackward, node, micro_batch);
  const Operand d_output = d_.at(node.outputs[0]);
  op.reads.push_back(d_output);
  for (const TensorId id : saved_for_backward(graph_, node)) {
    op.reads.push_back(residency_.require(id, micro_batch));
  }
  for (const TensorId id : node.inputs) {
    if (!is_activation(graph_, id)) op.reads.push_back(input(id, micro_batch));
  }
  --sharers_[d_output.buffer];  // read for the last time here
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    Target target;
    if (gradients[i].exists()) {
      target = is_activation(graph_, gradients[i])
                   ? activation_gradient(gradients[i], micro_batch)
                   : parameter_gradient(node, gradients[i], micro_batch);
    }
    op.writes.push_back(target.operand);
    if (target.accumulates) op.accumulates |= 1U << i;
  }
  add_scratch(op);
  add(std::move(op));
  accumulate(node, micro_batch);
}

// The gradient of a sum is the gradient of each term: both share the buffer until one of them is
// added to.
void Lowering::backward_add(const Node& node, const std::vector<TensorId>& gradients) {
  const Operand d_output = d_.at(node.outputs[0]);
  --sharers_[d_output.buffer];
  for (const TensorId id : gradients) {
    if (!id.exists()) continue;
    require(!d_.contains(id), node.name, ": ", graph_[id].name, " has another later consumer");
    d_[id] = d_output;
    ++sharers_[d_output.buffer];
  }
}

Lowering::Target Lowering::activation_gradient(TensorId tensor, int micro_batch) {
  const auto found = d_.find(tensor);
  if (found == d_.end()) {
    const std::string name = concat("d_", graph_[tensor].name, "[", micro_batch, "]");
    const Operand fresh = whole(add_buffer(name, byte_count(graph_[tensor], shape_)));
    sharers_[fresh.buffer] = 1;
    return {d_[tensor] = fresh, false};
  }
  require(sharers_.at(found->second.buffer) == 1,
          graph_[tensor].name,
          ": its gradient is added to while another reader waits");
  return {found->second, true};
}

Lowering::Target Lowering::parameter_gradient(const Node& node,
                                              TensorId parameter,
                                              int /*micro_batch*/) {
  const BufferId array = gradients_[graph_[parameter].block.index()];
  if (!is<Embedding>(node)) {
    require(!std::exchange(has_gradient_[parameter], true),
            graph_[parameter].name,
            ": is used by two nodes, which only tied embeddings may be");
    return {slot(parameter, array, format_.transport()), false};
  }
  if (shape_.micro_batches > 1) return {whole(tables_.at(parameter)), true};
  return {slot(parameter, array, format_.transport()), true};
}

void Lowering::accumulate(const Node& node, int micro_batch) {
  if (shape_.micro_batches == 1 || is<Embedding>(node)) return;
  for (const TensorId id : node.inputs) {
    const Tensor& tensor = graph_[id];
    if (tensor.kind != TensorKind::kParameter || !tensor.is_trainable) continue;
    const std::size_t block = tensor.block.index();
    const Operand gradient = slot(id, gradients_[block], format_.transport());
    const Operand sum = slot(id, accumulators_[block], DType::kF32);
    const bool is_last = micro_batch == shape_.micro_batches - 1;
    if (is_last && tables_.contains(id)) continue;  // the tied embedding is still to come
    Op op = node_op(is_last ? OpKind::kRound : OpKind::kAccumulate, node, micro_batch);
    if (is_last) {
      op.reads = {sum, gradient, {}};
      op.writes = {gradient};
    } else {
      op.reads = {gradient};
      op.writes = {sum};
      op.accumulates = micro_batch > 0 ? 1 : 0;
    }
    add(std::move(op));
  }
}

// What the last micro-batch left open: tables, whose rows were added to fp32 sums all along.
void Lowering::round_gradients() {
  for (const auto& [table, rows] : tables_) {
    const std::size_t block = graph_[table].block.index();
    const Operand gradient = slot(table, gradients_[block], format_.transport());
    const auto reads_table = [table = table](const Node& node) {
      return is<HeadLoss>(node) && node.inputs[1] == table;
    };
    const bool is_tied = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), reads_table);
    Op op{.kind = OpKind::kRound, .lane = Lane::kCompute, .block = graph_[table].block};
    if (is_tied) {
      op.reads = {slot(table, accumulators_[block], DType::kF32), gradient, whole(rows)};
    } else {
      op.reads = {whole(rows), {}, {}};
    }
    op.writes = {gradient};
    add(std::move(op));
  }
}

}  // namespace longhaul
