#include "step_rates.h"

#include <algorithm>

namespace longhaul {
namespace {

constexpr Bytes kUsualCopy = 32_MiB;

Operand some(Bytes size) {
  return {make_id<BufferId>(0), {}, size};
}

Op copy_op(Lane lane) {
  Op op{.kind = OpKind::kCopy, .lane = lane};
  op.reads = {some(kUsualCopy)};
  op.writes = {some(kUsualCopy)};
  return op;
}

double per_byte(const CostModel& model, Lane lane) {
  return model(copy_op(lane)).alone.value / static_cast<double>(kUsualCopy.count);
}

// Seconds of a node with all of its gradients wanted.
double seconds_of(const CostModel& model, const ModelGraph& graph, std::size_t n, OpKind kind) {
  Op op{.kind = kind, .node = make_id<NodeId>(n)};
  for (std::size_t i = 0; i < graph.nodes[n].inputs.size(); ++i) {
    op.writes.push_back(some(Bytes{1}));
  }
  return model(op).alone.value;
}

double cores_of(const OpCost& cost) {
  return cost.demand[static_cast<std::size_t>(Resource::kCores)];
}

// AdamW over so many parameters, as lowering writes it.
Op update_op(const StateFormat& format, std::int64_t parameters) {
  Op op{.kind = OpKind::kUpdate, .lane = Lane::kHost};
  op.reads = {some(Bytes{parameters * size_of(format.transport())})};
  for (const StateStream& stream : format.streams) {
    op.accumulates |= 1U << op.writes.size();
    op.writes.push_back(some(Bytes{parameters * size_of(stream.dtype)}));
  }
  return op;
}

}  // namespace

CostModel cost_model(const Problem& problem) {
  CostRules rules = problem.rules;
  rules.dtype = problem.format.weight();
  return {problem.machine, problem.graph, problem.shape, rules, problem.measured};
}

StepRates step_rates(const Problem& problem) {
  constexpr std::int64_t kParameters = std::int64_t{16} << 20;
  const CostModel model = cost_model(problem);
  const ModelGraph& graph = problem.graph;
  StepRates rates;
  rates.to_device = per_byte(model, Lane::kH2d);
  rates.to_host = per_byte(model, Lane::kD2h);
  if (!problem.machine.storage.disks.empty()) {
    rates.disk_read = per_byte(model, Lane::kDiskRead);
    rates.disk_write = per_byte(model, Lane::kDiskWrite);
  }
  // A copy that stays on one side reads and writes.
  rates.device_memory = per_byte(model, Lane::kCompute) / 2.0;
  rates.accumulate = per_byte(model, Lane::kHost) / 2.0;
  rates.host_memory = 1.0 / problem.machine.host.bandwidth.value.rate;
  const OpCost update = model(update_op(problem.format, kParameters));
  rates.update = update.alone.value / static_cast<double>(kParameters);
  rates.link_shared = model.shared()[static_cast<std::size_t>(Resource::kLink)];
  rates.disk_shared = model.shared()[static_cast<std::size_t>(Resource::kDisk)];
  rates.compute_cores = cores_of(model(copy_op(Lane::kCompute)));
  rates.update_cores = cores_of(update);
  rates.copy_cores = cores_of(model(copy_op(Lane::kH2d)));
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const bool is_head = is<HeadLoss>(node);
    rates.forward.push_back(seconds_of(model, graph, n, OpKind::kForward));
    const double backward =
        seconds_of(model, graph, n, is_head ? OpKind::kHeadLoss : OpKind::kBackward);
    rates.backward.push_back(is<Add>(node) ? 0.0 : backward);
  }
  return rates;
}

double usual_clip_share(const ModelGraph& graph) {
  constexpr std::int64_t kSmall = 1'000'000'000;
  return parameter_count(graph) < kSmall ? 1.0 : 0.1;
}

ComputeLane compute_lane(const Problem& problem) {
  const DeviceKind device = problem.machine.device.kind;
  if (device != DeviceKind::kHost) return {device, 1};
  const int wanted = problem.rules.compute_threads;
  return {device, wanted > 0 ? wanted : problem.machine.host.cores.value};
}

Caps caps_of(const HardwareProfile& machine, Bytes system) {
  Caps caps;
  caps.bytes = {machine.device.memory.value,
                std::max(Bytes{}, machine.host.memory.value - system),
                machine.storage.disks.empty() ? Bytes{} : capacity(machine.storage)};
  return caps;
}

}  // namespace longhaul
