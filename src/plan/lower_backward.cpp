// Backward of a visit: gradients of activations flow in the reverse order of the nodes.

#include <algorithm>

#include "longhaul/core/error.h"

#include "lowering.h"

namespace longhaul {
namespace {

bool is_activation(const ModelGraph& graph, TensorId id) {
  return graph[id].kind == TensorKind::kActivation;
}

}  // namespace

void Lowering::backward(const Visit& visit) {
  for (const NodeId id : residency_.recomputed(visit)) forward_node(graph_[id], visit.micro_batch);
  const std::vector<NodeId>& nodes = graph_[visit.block].nodes;
  for (auto id = nodes.rbegin(); id != nodes.rend(); ++id) {
    const Node& node = graph_[*id];
    if (is<HeadLoss>(node)) continue;  // ran with its forward
    const Targets& targets = gradient_inputs_[id->index()];
    const bool is_needed = std::any_of(
        targets.begin(), targets.end(), [](TensorId target) { return target.exists(); });
    if (!is_needed) continue;
    if (is<Add>(node)) {
      backward_add(node, targets, visit.micro_batch);
    } else {
      backward_node(node, targets, visit.micro_batch);
    }
  }
}

void Lowering::backward_node(const Node& node, const Targets& targets, int micro_batch) {
  Op op = node_op(OpKind::kBackward, node, micro_batch);
  const Tier tier = op.lane == Lane::kHost ? Tier::kHost : Tier::kDevice;
  op.reads.push_back(output_gradient(node, micro_batch, tier));
  for (const TensorId id : saved_for_backward(graph_, node)) {
    op.reads.push_back(residency_.require(id, micro_batch));
  }
  for (const TensorId id : node.inputs) {
    if (is_activation(graph_, id)) continue;
    const bool is_table = is<Embedding>(node) && id == node.inputs[2];  // its rows are not read
    op.reads.push_back(is_table ? Operand{} : input(id, micro_batch, tier));
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const GradientTarget target = target_of(node, targets[i], micro_batch);
    op.writes.push_back(target.operand);
    if (target.accumulates) op.accumulates |= 1U << i;
  }
  add_scratch(op);
  const Operands written = op.writes;
  emit_.add(std::move(op));
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!targets[i].exists() || is_activation(graph_, targets[i])) continue;
    wrote(node, targets[i], micro_batch, written[i]);
  }
}

// The gradient of what a node produced, read for the last time.
Operand Lowering::output_gradient(const Node& node, int micro_batch, Tier tier) {
  const Operand device = d_(node.outputs[0], micro_batch);
  require(device.exists(), node.name, ": its output has no gradient");
  --sharers(device.buffer);
  if (tier == Tier::kDevice) return device;
  const BufferName name{.what = emit_.schedule()[device.buffer].name, .after = " on the host"};
  const Operand host = emit_.whole(emit_.add_buffer(name, Tier::kHost, device.size));
  emit_.copy(device, host);
  return host;
}

GradientTarget Lowering::target_of(const Node& node, TensorId input, int micro_batch) {
  if (!input.exists()) return {};
  return is_activation(graph_, input) ? activation_gradient(input, micro_batch)
                                      : gradients_.target(node, input, micro_batch);
}

void Lowering::wrote(const Node& node,
                     TensorId parameter,
                     int micro_batch,
                     const Operand& gradient,
                     const ElementRange& part) {
  if (gradients_.wrote(node, parameter, micro_batch, gradient, part)) {
    complete_.push_back(graph_[parameter].block);
  }
}

// The gradient of a sum is the gradient of each term: both share the buffer until one of them is
// added to.
void Lowering::backward_add(const Node& node, const Targets& targets, int micro_batch) {
  const Operand d_output = d_(node.outputs[0], micro_batch);
  require(d_output.exists(), node.name, ": its output has no gradient");
  --sharers(d_output.buffer);
  for (const TensorId id : targets) {
    if (!id.exists()) continue;
    Operand& d_term = d_(id, micro_batch);
    require(!d_term.exists(), node.name, ": ", graph_[id].name, " has another later consumer");
    d_term = d_output;
    ++sharers(d_output.buffer);
  }
}

GradientTarget Lowering::activation_gradient(TensorId tensor, int micro_batch) {
  Operand& d_tensor = d_(tensor, micro_batch);
  if (!d_tensor.exists()) {
    const BufferName name{.before = "d_", .what = graph_[tensor].name, .micro_batch = micro_batch};
    d_tensor =
        emit_.whole(emit_.add_buffer(name, Tier::kDevice, byte_count(graph_[tensor], shape_)));
    sharers(d_tensor.buffer) = 1;
    return {d_tensor, false};
  }
  require(sharers(d_tensor.buffer) == 1,
          graph_[tensor].name,
          ": its gradient is added to while another reader waits");
  return {d_tensor, true};
}

int& Lowering::sharers(BufferId buffer) {
  if (sharers_.size() <= buffer.index()) sharers_.resize(emit_.schedule().buffers().size(), 0);
  return sharers_[buffer.index()];
}

}  // namespace longhaul
