#include "longhaul/sim/rates.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/graph/cost.h"

namespace longhaul {
namespace {

Bytes operand_bytes(const Op& op) {
  Bytes bytes;
  for (const Operand& read : op.reads) bytes += read.size;
  for (const Operand& write : op.writes) bytes += write.size;
  return bytes;
}

class DurationOf {
 public:
  DurationOf(const ModelGraph& graph,
             const BatchShape& shape,
             std::int64_t sequence,
             const MachineRates& rates)
      : graph_(graph), shape_(shape), rates_(rates) {
    share_ = static_cast<double>(sequence) / static_cast<double>(shape.tokens);
  }

  Seconds operator()(const Op& op) const {
    switch (op.kind) {
      case OpKind::kCopy:
        return op.reads[0].size / rates_.copies[static_cast<std::size_t>(op.lane)] +
               rates_.copy_latency;
      case OpKind::kForward: return compute(forward_cost(graph_, node(op), shape_), op, false);
      case OpKind::kBackward: return compute(backward_cost(graph_, node(op), shape_), op, true);
      case OpKind::kHeadLoss:
        return compute(forward_cost(graph_, node(op), shape_), op, false) +
               compute(backward_cost(graph_, node(op), shape_), op, true);
      case OpKind::kUpdate:
        if (op.lane == Lane::kHost) {
          const auto parameters = static_cast<double>(op.writes.back().size.count) / 4.0;
          return Seconds{parameters / rates_.host_updates};
        }
        return move(op);
      default: return move(op);
    }
  }

 private:
  const Node& node(const Op& op) const { return graph_[op.node]; }

  // Work at the rate of products, or its bytes at that of memory, whichever takes longer.
  Seconds compute(const NodeCost& cost, const Op& op, bool is_backward) const {
    const double share = is<Attention>(node(op)) ? share_ : 1.0;
    const FlopsPerSecond rate = is_backward ? rates_.backward : rates_.forward;
    return std::max(Flops{cost.flops.count * share} / rate, cost.bytes / memory(op));
  }
  Seconds move(const Op& op) const { return operand_bytes(op) / memory(op); }
  BytesPerSecond memory(const Op& op) const {
    return op.lane == Lane::kHost ? rates_.host_memory : rates_.device_memory;
  }

  const ModelGraph& graph_;
  const BatchShape& shape_;
  const MachineRates& rates_;
  double share_ = 1.0;
};

}  // namespace

std::vector<Seconds> op_durations(const ModelGraph& graph,
                                  const Schedule& schedule,
                                  const BatchShape& shape,
                                  std::int64_t sequence,
                                  const MachineRates& rates) {
  const DurationOf duration_of(graph, shape, sequence, rates);
  std::vector<Seconds> durations;
  durations.reserve(schedule.ops().size());
  for (const Op& op : schedule.ops()) durations.push_back(duration_of(op));
  return durations;
}

}  // namespace longhaul
