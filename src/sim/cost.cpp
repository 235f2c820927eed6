#include "longhaul/sim/cost.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/graph/cost.h"

namespace longhaul {
namespace {

std::size_t index_of(Resource resource) {
  return static_cast<std::size_t>(resource);
}

// Read and written; what is added to is both.
Bytes operand_bytes(const Op& op) {
  Bytes bytes;
  for (const Operand& read : op.reads) bytes += read.size;
  for (std::size_t w = 0; w < op.writes.size(); ++w) {
    bytes += op.writes[w].size * ((op.accumulates >> w & 1U) != 0 ? 2 : 1);
  }
  return bytes;
}

bool is_of_node(OpKind kind) {
  switch (kind) {
    case OpKind::kForward:
    case OpKind::kBackward:
    case OpKind::kHeadLoss:
    case OpKind::kHeadStatistics:
    case OpKind::kHeadGradient:
    case OpKind::kPrefill:
    case OpKind::kDecode: return true;
    default: return false;
  }
}

}  // namespace

const char* name_of(Resource resource) {
  static constexpr std::array<const char*, kResourceCount> kNames{
      "link", "disk", "host memory", "cores"};
  return kNames.at(index_of(resource));
}

CostModel::CostModel(const HardwareProfile& machine,
                     const ModelGraph& graph,
                     const BatchShape& shape,
                     const CostRules& rules,
                     const ModelProfile& measured)
    : device_bandwidth_(machine.device.bandwidth),
      to_device_(machine.link.to_device),
      to_host_(machine.link.to_host),
      launch_(machine.device.launch.value),
      latency_(machine.link.latency.value),
      host_bandwidth_(machine.host.bandwidth.value.rate),
      gradient_bytes_(size_of(rules.dtype)),
      cores_(machine.host.cores.value),
      is_host_device_(machine.device.kind == DeviceKind::kHost),
      shared_{2.0 * machine.link.both_ways.value, 1.0, 1.0, 1.0},
      compute_(rules.dtype == DType::kF32 ? machine.device.fp32 : machine.device.bf16) {
  const auto threads = [&](int wanted) {
    return wanted > 0 ? std::min(wanted, machine.host.cores.value) : machine.host.cores.value;
  };
  compute_threads_ = threads(rules.compute_threads);
  update_threads_ = threads(rules.update_threads);
  updates_ = rate_at(machine.host.optimizer, threads(rules.update_threads)).rate;
  device_updates_ = rate_at(machine.host.optimizer, threads(rules.compute_threads)).rate;
  if (machine.host.sharing) {
    shared_[index_of(Resource::kCores)] = machine.host.sharing->value;
  }
  if (!machine.storage.disks.empty()) {
    storage_ = storage_rates(machine.storage, rules.disk_block, rules.disk_depth);
    shared_[index_of(Resource::kDisk)] = 1.0 / storage_->mixing;
    if (machine.storage.core) disk_core_ = machine.storage.core->value;
  }
  nodes_.reserve(graph.nodes.size());
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    NodeTime time{.forward = node_seconds(graph, node, shape, rules, false),
                  .backward = node_seconds(graph, node, shape, rules, true),
                  .forward_bytes = forward_cost(graph, node, shape).bytes,
                  .backward_bytes = backward_cost(graph, node, shape).bytes,
                  .is_product = is<Linear>(node)};
    if (is<HeadLoss>(node)) time.head_weight = byte_count(graph[node.inputs[1]], shape);
    nodes_.push_back(time);
  }
  if (!measured.nodes.empty()) use(measured, graph, shape, rules);
}

// What was measured, times what the formulas say of this shape against the one that was measured.
void CostModel::use(const ModelProfile& measured,
                    const ModelGraph& graph,
                    BatchShape shape,
                    CostRules rules) {
  require(measured.nodes.size() == graph.nodes.size(),
          "CostModel: got measurements of ",
          measured.nodes.size(),
          " nodes, expected ",
          graph.nodes.size());
  shape.tokens = measured.tokens;
  rules.sequence = measured.sequence;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!measured.nodes[n]) continue;
    const Node& node = graph.nodes[n];
    const auto scaled_to_now = [&](Seconds now, Seconds seconds, bool is_backward) {
      return seconds * (now.value / node_seconds(graph, node, shape, rules, is_backward).value);
    };
    NodeTime& time = nodes_[n];
    time.forward = scaled_to_now(time.forward, measured.nodes[n]->forward, false);
    time.backward = scaled_to_now(time.backward, measured.nodes[n]->backward, true);
  }
}

// Work at the rate of its kind, or its bytes at that of the memory, whichever takes longer.
Seconds CostModel::node_seconds(const ModelGraph& graph,
                                const Node& node,
                                const BatchShape& shape,
                                const CostRules& rules,
                                bool is_backward) const {
  const NodeCost cost =
      is_backward ? backward_cost(graph, node, shape) : forward_cost(graph, node, shape);
  const Seconds moving = time_of(device_bandwidth_, cost.bytes);
  Seconds working;
  if (is<Attention>(node)) {
    const std::int64_t sequence = rules.sequence > 0 ? rules.sequence : shape.tokens;
    const double share = static_cast<double>(sequence) / static_cast<double>(shape.tokens);
    working = time_of(is_backward ? compute_.attention_backward : compute_.attention,
                      cost.flops * std::min(1.0, share));
  } else if (is<Linear>(node) || is<HeadLoss>(node)) {
    working = time_of(is_backward ? compute_.products_backward : compute_.products, cost.flops);
  }
  return launch_ + std::max(moving, working);
}

OpCost CostModel::on_host(Seconds alone, double bytes, double threads) const {
  OpCost cost{.alone = alone};
  if (alone.value <= 0.0) return cost;
  const double memory = bytes / alone.value / host_bandwidth_;
  cost.demand[index_of(Resource::kHostMemory)] = static_cast<float>(std::min(1.0, memory));
  if (is_host_device_) {
    cost.demand[index_of(Resource::kCores)] = static_cast<float>(std::min(1.0, threads / cores_));
  }
  return cost;
}

OpCost CostModel::compute(const Op& op) const {
  const NodeTime& node = nodes_[op.node.index()];
  const bool is_backward = op.kind == OpKind::kBackward;
  Seconds alone = is_backward ? node.backward : node.forward;
  Bytes bytes = is_backward ? node.backward_bytes : node.forward_bytes;
  if (op.kind == OpKind::kHeadLoss || op.kind == OpKind::kHeadGradient) {
    alone += node.backward;
    bytes += node.backward_bytes;
  } else if (is_backward && node.is_product) {
    // One product for each of the two gradients; a frozen weight has none.
    const auto wanted = static_cast<double>(op.writes[0].exists()) +
                        static_cast<double>(op.writes.size() > 1 && op.writes[1].exists());
    alone = alone * (wanted / 2.0);
  }
  if (op.kind == OpKind::kHeadStatistics || op.kind == OpKind::kHeadGradient) {
    const double share = static_cast<double>(op.reads[1].size.count) /
                         static_cast<double>(node.head_weight.count);  // of the vocabulary
    alone = alone * share;
    bytes = Bytes{static_cast<std::int64_t>(share * static_cast<double>(bytes.count))};
  }
  if (op.lane == Lane::kHost) return move(op, bytes);
  return is_host_device_ ? on_host(alone, static_cast<double>(bytes.count), compute_threads_)
                         : OpCost{.alone = alone};
}

OpCost CostModel::move(const Op& op, Bytes bytes) const {
  const auto count = static_cast<double>(bytes.count);
  if (op.lane == Lane::kHost) return on_host({count / host_bandwidth_}, count, update_threads_);
  const Seconds alone = launch_ + time_of(device_bandwidth_, bytes);
  return is_host_device_ ? on_host(alone, count, compute_threads_) : OpCost{.alone = alone};
}

OpCost CostModel::copy(const Op& op) const {
  const Bytes size = op.reads[0].size;
  const auto bytes = static_cast<double>(size.count);
  switch (op.lane) {
    case Lane::kH2d:
    case Lane::kD2h: {
      const MoveCurve& curve = op.lane == Lane::kH2d ? to_device_ : to_host_;
      // Both sides of a copy lie in the memory of the host when that is the device.
      OpCost cost =
          on_host(latency_ + time_of(curve, size), is_host_device_ ? 2.0 * bytes : bytes, 1.0);
      cost.demand[index_of(Resource::kLink)] = 1.0F;
      return cost;
    }
    case Lane::kDiskRead:
    case Lane::kDiskWrite: {
      require(storage_.has_value(), "CostModel: a schedule with a disk on a machine without one");
      OpCost cost = on_host(size / (op.lane == Lane::kDiskRead ? storage_->read : storage_->write),
                            bytes,
                            disk_core_);
      cost.demand[index_of(Resource::kDisk)] = 1.0F;
      return cost;
    }
    default: return move(op, size * 2);
  }
}

// A GPU only moves; a processor takes the same time on either lane.
OpCost CostModel::update(const Op& op) const {
  const bool is_on_host = op.lane == Lane::kHost;
  if (!is_on_host && !is_host_device_) return move(op, operand_bytes(op));
  const double parameters = static_cast<double>(op.reads[0].size.count) / gradient_bytes_;
  return on_host({parameters / (is_on_host ? updates_ : device_updates_)},
                 static_cast<double>(operand_bytes(op).count),
                 is_on_host ? update_threads_ : compute_threads_);
}

OpCost CostModel::operator()(const Op& op) const {
  if (is_of_node(op.kind)) return compute(op);
  if (op.kind == OpKind::kCopy) return copy(op);
  if (op.kind == OpKind::kUpdate) return update(op);
  return move(op, operand_bytes(op));
}

OpCosts op_costs(const Schedule& schedule, const CostModel& model) {
  OpCosts costs{.shared = model.shared()};
  costs.ops.reserve(schedule.ops().size());
  for (const Op& op : schedule.ops()) costs.ops.push_back(model(op));
  return costs;
}

}  // namespace longhaul
