#include "node_times.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/ops/op_table.h"
#include "longhaul/optim/step.h"
#include "longhaul/plan/lower.h"
#include "longhaul/sim/cost.h"

namespace longhaul {
namespace {

// Whether an op belongs to the forward or the backward of a device that holds all states.
bool is_computed(const Op& op) {
  switch (op.kind) {
    case OpKind::kForward:
    case OpKind::kBackward:
    case OpKind::kHeadLoss:
    case OpKind::kHeadStatistics:
    case OpKind::kHeadGradient:
    case OpKind::kSumLosses:
    case OpKind::kFill: return true;
    case OpKind::kCopy: return op.lane == Lane::kH2d;
    default: return false;
  }
}

// The ops that compute, of all blocks or of some, with the buffers that they use.
class ComputedPart {
 public:
  ComputedPart(const Schedule& whole, const std::vector<BlockId>& blocks)
      : whole_(whole), buffers_(whole.buffers().size()) {
    const auto is_wanted = [&](const Op& op) {
      return blocks.empty() || !op.block.exists() ||
             std::find(blocks.begin(), blocks.end(), op.block) != blocks.end();
    };
    std::vector<OpId> ids(whole.ops().size());
    for (std::size_t i = 0; i < whole.ops().size(); ++i) {
      const Op& op = whole.ops()[i];
      if (!is_computed(op) || !is_wanted(op)) continue;
      std::vector<OpId> after;
      for (const OpId before : whole.after(make_id<OpId>(i))) {
        if (ids[before.index()].exists()) after.push_back(ids[before.index()]);
      }
      ids[i] = part_.add(with_own_buffers(op), after);
    }
  }

  Schedule take() { return std::move(part_); }
  // None where no op uses it.
  BufferId buffer(BufferId of_whole) const { return buffers_[of_whole.index()]; }

 private:
  void translate(Operand& operand, bool is_read) {
    if (!operand.exists()) return;
    BufferId& own = buffers_[operand.buffer.index()];
    if (!own.exists()) {
      Buffer buffer = whole_[operand.buffer];
      buffer.is_persistent |= is_read;  // what wrote it is left out
      own = part_.add_buffer(std::move(buffer));
    }
    operand.buffer = own;
  }
  Op with_own_buffers(Op op) {
    for (Operand& read : op.reads) translate(read, true);
    for (std::size_t i = 0; i < op.writes.size(); ++i) {
      translate(op.writes[i], (op.accumulates >> i & 1U) != 0);
    }
    translate(op.scratch, false);
    return op;
  }

  const Schedule& whole_;
  Schedule part_;
  std::vector<BufferId> buffers_;  // [buffer of the whole]
};

std::vector<std::int32_t> order_of(const std::vector<std::int32_t>& keys) {
  std::vector<std::int32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
  });
  return order;
}

// A micro-batch of random words, by tensor of the graph.
std::map<TensorId, std::vector<std::int32_t>> make_inputs(
    const ModelGraph& graph, const BatchShape& shape, const std::vector<std::int64_t>& lengths) {
  const BatchInputs& inputs = graph.inputs;
  const Philox numbers(11, 0);
  const auto vocabulary =
      static_cast<std::uint64_t>(std::get<HeadLoss>(graph.nodes.back().kind).rows);
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> segments{0};
  for (const std::int64_t length : lengths) {
    for (std::int64_t t = 0; t < length; ++t) {
      ids.push_back(static_cast<std::int32_t>(numbers.below(ids.size(), vocabulary)));
      positions.push_back(static_cast<std::int32_t>(t));
    }
    segments.push_back(static_cast<std::int32_t>(ids.size()));
  }
  segments.resize(static_cast<std::size_t>(shape.max_segments) + 1,
                  static_cast<std::int32_t>(shape.tokens));
  return {{inputs.sorted_order, order_of(ids)},
          {inputs.positions_order, order_of(positions)},
          {inputs.targets, ids},
          {inputs.ids, ids},
          {inputs.positions, positions},
          {inputs.segment_offsets, segments}};
}

// Adds what a pass took to the samples of the nodes.
void collect(const Schedule& schedule, const Timeline& timeline, std::vector<NodeSamples>& nodes) {
  std::map<NodeId, NodeSeconds> heads;  // in tiles: sums over them
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const Op& op = schedule.ops()[i];
    const double seconds = span_of(timeline, i, i + 1).value;
    switch (op.kind) {
      case OpKind::kForward: nodes[op.node.index()].forward.add(seconds); break;
      case OpKind::kBackward: nodes[op.node.index()].backward.add(seconds); break;
      case OpKind::kHeadLoss:
        nodes[op.node.index()].forward.add(seconds / 3.0);
        nodes[op.node.index()].backward.add(seconds * 2.0 / 3.0);
        break;
      case OpKind::kHeadStatistics: heads[op.node].forward.value += seconds; break;
      case OpKind::kHeadGradient: heads[op.node].backward.value += seconds; break;
      default: break;
    }
  }
  for (const auto& [node, head] : heads) {
    nodes[node.index()].forward.add(head.forward.value);
    nodes[node.index()].backward.add(std::max(0.0, head.backward.value - head.forward.value));
  }
}

}  // namespace

std::vector<NodeSamples> time_nodes(const Machine& machine,
                                    const NodeTrial& trial,
                                    const Effort& effort) {
  const ModelGraph& graph = trial.graph;
  const StateFormat format = adamw_format(trial.precision);
  BatchShape shape = trial.shape;
  shape.micro_batches = 1;
  std::vector<std::int64_t> lengths = trial.lengths;
  if (lengths.empty()) lengths.push_back(shape.tokens);
  require(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) == shape.tokens,
          "time_nodes: the sequences do not make up the micro-batch");
  shape.max_segments = std::max(shape.max_segments, static_cast<std::int64_t>(lengths.size()));
  const LoweredPass pass =
      lower(graph, format, Plan{}, shape, Pass::kTrain, {machine.kind, machine.threads});
  ComputedPart part(pass.schedule, trial.blocks);
  Caps caps;
  caps.bytes[0] = machine.device_memory;
  caps.bytes[1] = machine.host_memory;
  const PlacedSchedule placed = place(part.take(), caps);
  const auto device = make_trial_device(machine, placed.peak[0], placed.peak[1]);
  fill_with_numbers(*device, Tier::kDevice, format.weight());
  const auto write = [&](BufferId buffer, const void* data, std::size_t size) {
    const BufferId own = part.buffer(buffer);
    if (!own.exists()) return;
    device->write({Tier::kHost, placed.offsets[own.index()]},
                  {static_cast<const std::byte*>(data), size});
  };
  const auto inputs = make_inputs(graph, shape, lengths);
  for (const StagedInput& staged : pass.inputs) {
    const std::vector<std::int32_t>& values = inputs.at(staged.tensor);
    write(staged.host, values.data(), values.size() * sizeof(values[0]));
  }
  const StepScalars scalars{.inverse_target_tokens = 1.0F / static_cast<float>(shape.tokens)};
  write(pass.scalars, &scalars, sizeof(scalars));

  const auto table = make_op_table(machine.kind, graph, format, shape);
  Executor executor(placed, *device, *table);
  std::vector<NodeSamples> nodes(graph.nodes.size());
  run_passes(executor, effort, machine.context, [&](const Timeline& timeline) {
    collect(placed.schedule, timeline, nodes);
  });
  return nodes;
}

}  // namespace longhaul
