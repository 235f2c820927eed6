#include "node_times.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/graph/alike.h"
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

std::vector<std::int64_t> lengths_of(const NodeTrial& trial) {
  return trial.lengths.empty() ? std::vector{trial.shape.tokens} : trial.lengths;
}

// One micro-batch that holds the sequences.
BatchShape shape_of(const NodeTrial& trial) {
  const std::vector<std::int64_t> lengths = lengths_of(trial);
  BatchShape shape = trial.shape;
  require(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) == shape.tokens,
          "time_nodes: the sequences do not make up the micro-batch");
  shape.micro_batches = 1;
  shape.max_segments = std::max(shape.max_segments, static_cast<std::int64_t>(lengths.size()));
  return shape;
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

void add_means(const std::vector<const Samples*>& nodes, Samples& means) {
  if (nodes.empty()) return;
  for (std::size_t pass = 0; pass < nodes.front()->size(); ++pass) {
    double sum = 0.0;
    for (const Samples* node : nodes) sum += (*node)[pass];
    means.add(sum / static_cast<double>(nodes.size()));
  }
}

// A schedule of the trial on a device of its own, with numbers in all memory and a micro-batch of
// random words. `own` says which buffer of it one of the pass is; none: it is not used.
class Stage {
 public:
  Stage(const Machine& machine,
        const NodeTrial& trial,
        const BatchShape& shape,
        const LoweredPass& pass,
        Schedule schedule,
        const std::function<BufferId(BufferId)>& own)
      : placed_(place(std::move(schedule), caps_of(machine))) {
    const StateFormat format = adamw_format(trial.precision);
    device_ = make_trial_device(machine, placed_.peak[0], placed_.peak[1]);
    fill_with_numbers(*device_, Tier::kDevice, format.weight());
    fill_with_numbers(*device_, Tier::kHost, format.weight());
    const auto write = [&](BufferId buffer, const void* data, std::size_t size) {
      const BufferId id = own(buffer);
      if (!id.exists()) return;
      device_->write({Tier::kHost, placed_.offsets[id.index()]},
                     {static_cast<const std::byte*>(data), size});
    };
    const auto inputs = make_inputs(trial.graph, shape, lengths_of(trial));
    for (const StagedInput& staged : pass.inputs) {
      const std::vector<std::int32_t>& values = inputs.at(staged.tensor);
      write(staged.host, values.data(), values.size() * sizeof(values[0]));
    }
    const StepScalars scalars{.powers = {0.9, 0.999},
                              .inverse_target_tokens = 1.0F / static_cast<float>(shape.tokens)};
    write(pass.scalars, &scalars, sizeof(scalars));
    table_ = make_op_table(machine.kind, trial.graph, format, shape);
    executor_ = std::make_unique<Executor>(placed_, *device_, *table_);
  }

  const Schedule& schedule() const { return placed_.schedule; }
  Executor& executor() { return *executor_; }

 private:
  static Caps caps_of(const Machine& machine) {
    Caps caps;
    caps.bytes[0] = machine.device_memory;
    caps.bytes[1] = machine.host_memory;
    return caps;
  }

  PlacedSchedule placed_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<OpTable> table_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace

std::vector<NodeSamples> time_nodes(const Machine& machine,
                                    const NodeTrial& trial,
                                    const Effort& effort) {
  const BatchShape shape = shape_of(trial);
  const LoweredPass pass = lower(trial.graph,
                                 adamw_format(trial.precision),
                                 Plan{},
                                 shape,
                                 Pass::kTrain,
                                 {machine.kind, machine.threads});
  ComputedPart part(pass.schedule, trial.blocks);
  Schedule schedule = part.take();
  Stage stage(machine, trial, shape, pass, std::move(schedule), [&](BufferId id) {
    return part.buffer(id);
  });
  std::vector<NodeSamples> nodes(trial.graph.nodes.size());
  run_passes(stage.executor(), effort, machine.context, [&](const Timeline& timeline) {
    collect(stage.schedule(), timeline, nodes);
  });
  return nodes;
}

NodeSamplesByWork by_work(const ModelGraph& graph, const std::vector<NodeSamples>& nodes) {
  std::map<std::string, std::array<std::vector<const Samples*>, 2>> alike;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (nodes[n].forward.empty()) continue;  // of a block that is not timed
    auto& [forward, backward] = alike[work_of(graph.nodes[n])];
    forward.push_back(&nodes[n].forward);
    if (!nodes[n].backward.empty()) backward.push_back(&nodes[n].backward);
  }
  NodeSamplesByWork works;
  for (const auto& [work, samples] : alike) {
    add_means(samples[0], works[work].forward);
    add_means(samples[1], works[work].backward);
  }
  return works;
}

StepSamples time_step(const Machine& machine,
                      const NodeTrial& trial,
                      const Plan& plan,
                      const Effort& effort) {
  const BatchShape shape = shape_of(trial);
  LoweredPass pass = lower(trial.graph,
                           adamw_format(trial.precision),
                           plan,
                           shape,
                           Pass::kTrain,
                           {machine.kind, machine.threads});
  Stage stage(
      machine, trial, shape, pass, std::move(pass.schedule), [](BufferId id) { return id; });
  StepSamples step{.schedule = stage.schedule(), .seconds = {}};
  run_passes(stage.executor(), effort, machine.context, [&](const Timeline& timeline) {
    step.seconds.add(makespan(timeline).value);
  });
  return step;
}

}  // namespace longhaul
