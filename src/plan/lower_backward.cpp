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
  const std::vector<Operand> written = op.writes;
  emit_.add(std::move(op));
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!targets[i].exists() || is_activation(graph_, targets[i])) continue;
    wrote(node, targets[i], micro_batch, written[i]);
  }
}

// The gradient of what a node produced, read for the last time.
Operand Lowering::output_gradient(const Node& node, int micro_batch, Tier tier) {
  const Operand device = d_.at({node.outputs[0], micro_batch});
  --sharers_[device.buffer];
  if (tier == Tier::kDevice) return device;
  const std::string name = emit_.schedule()[device.buffer].name + " on the host";
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
  const Operand d_output = d_.at({node.outputs[0], micro_batch});
  --sharers_[d_output.buffer];
  for (const TensorId id : targets) {
    if (!id.exists()) continue;
    require(!d_.contains({id, micro_batch}),
            node.name,
            ": ",
            graph_[id].name,
            " has another later consumer");
    d_[{id, micro_batch}] = d_output;
    ++sharers_[d_output.buffer];
  }
}

GradientTarget Lowering::activation_gradient(TensorId tensor, int micro_batch) {
  const auto found = d_.find({tensor, micro_batch});
  if (found == d_.end()) {
    const std::string name = "d_" + numbered(graph_[tensor].name, micro_batch);
    const Operand fresh =
        emit_.whole(emit_.add_buffer(name, Tier::kDevice, byte_count(graph_[tensor], shape_)));
    sharers_[fresh.buffer] = 1;
    return {d_[{tensor, micro_batch}] = fresh, false};
  }
  require(sharers_.at(found->second.buffer) == 1,
          graph_[tensor].name,
          ": its gradient is added to while another reader waits");
  return {found->second, true};
}

}  // namespace longhaul
