#include "longhaul/plan/lower.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"
#include "longhaul/plan/scratch.h"

#include "lowering.h"

namespace longhaul {

Lowering::Lowering(const ModelGraph& graph,
                   const StateFormat& format,
                   const Plan& plan,
                   const BatchShape& shape,
                   Pass pass,
                   int workers)
    : graph_(graph),
      format_(format),
      plan_(plan),
      shape_(shape),
      kind_(pass),
      workers_(workers),
      emit_(pass_.schedule),
      residency_(graph, format, plan, shape_, with_states(), emit_),
      gradients_(graph, format, plan, shape_, pass_, emit_),
      updates_(graph, format, plan, pass_, emit_),
      gradient_inputs_(gradient_inputs(graph)) {}

LoweredPass& Lowering::with_states() {
  pass_.states = add_state_buffers(graph_, format_, plan_, shape_, emit_);
  return pass_;
}

void Lowering::add_scratch(Op& op) {
  const Bytes size = scratch_bytes(graph_, graph_[op.node], op.kind, shape_, workers_);
  if (size.count == 0) return;
  const Tier tier = op.lane == Lane::kHost ? Tier::kHost : Tier::kDevice;
  op.scratch = emit_.whole(emit_.add_buffer("scratch of " + graph_[op.node].name, tier, size));
}

Lane Lowering::lane_of(const Node& node) const {
  return plan_.embeds_on_host && is<Embedding>(node) ? Lane::kHost : Lane::kCompute;
}

Op Lowering::node_op(OpKind kind, const Node& node, int micro_batch) const {
  Op op{.kind = kind, .lane = lane_of(node), .block = node.block, .micro_batch = micro_batch};
  op.node = make_id<NodeId>(static_cast<std::size_t>(&node - graph_.nodes.data()));
  return op;
}

Operand Lowering::input(TensorId tensor, int micro_batch, Tier tier) {
  if (graph_[tensor].kind == TensorKind::kParameter) return residency_.weight(tensor, tier);
  return residency_.require(tensor, micro_batch, tier);
}

void Lowering::add_records() {
  pass_.scalars = emit_.add_buffer("step scalars", Tier::kHost, Bytes{sizeof(StepScalars)}, true);
  pass_.results = emit_.add_buffer("step results", Tier::kHost, Bytes{sizeof(StepResults)}, true);
  losses_ =
      emit_.whole(emit_.add_buffer("sum of losses", Tier::kDevice, Bytes{sizeof(StepResults)}));
  Op clear{.kind = OpKind::kFill};
  clear.writes = {losses_};
  emit_.add(std::move(clear));
}

LoweredPass Lowering::train() {
  add_records();
  const bool is_pending = plan_.update == UpdateTime::kInNextForward;
  if (plan_.update == UpdateTime::kInBackward) updates_.prepare();
  if (is_pending) updates_.scalars = emit_.whole(pass_.states.pending_scalars);
  std::vector<bool> is_updated(graph_.blocks.size(), !is_pending || kind_ == Pass::kFirst);
  residency_.before_use = [&](BlockId block) {
    if (is_updated[block.index()] || !gradients_.is_trained(block)) return;
    is_updated[block.index()] = true;
    updates_.update(block, emit_.whole(pass_.states.pending_gradients[block.index()]));
  };
  const auto visits = training_visits(graph_.blocks.size(), shape_.micro_batches, plan_.group);
  residency_.begin(visits);
  for (std::size_t v = 0; v < visits.size(); ++v) {
    residency_.begin_visit(v);
    if (visits[v].is_backward) {
      backward(visits[v]);
    } else {
      forward(visits[v]);
    }
    finish_blocks();
    residency_.end_visit(v);
  }
  end_step();
  return std::move(pass_);
}

// Blocks whose last gradient was written in this visit.
void Lowering::finish_blocks() {
  for (const BlockId block : complete_) {
    const bool is_in_backward = plan_.update == UpdateTime::kInBackward;
    const std::size_t earlier = updated_.size();
    const std::vector<OpId> room = is_in_backward && earlier >= kGradientsInFlight
                                       ? std::vector<OpId>{updated_[earlier - kGradientsInFlight]}
                                       : std::vector<OpId>{};
    const Operand gradient = gradients_.finish(block, room);
    finished_[block] = gradient;
    if (!is_in_backward) continue;
    updates_.update(block, gradient, residency_.weights_on_host(block));
    updated_.push_back(updates_.last());
  }
  complete_.clear();
}

void Lowering::end_step() {
  emit_.copy(losses_, emit_.whole(pass_.results));
  std::vector<Operand> norms;
  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    if (gradients_.is_trained(block)) norms.push_back(gradients_.norm(block));
  }
  updates_.clip(norms);
  if (plan_.update != UpdateTime::kAfterBackward) return;
  for (const auto& [block, gradient] : finished_) updates_.update(block, gradient);
}

LoweredPass Lowering::drain() {
  updates_.scalars = emit_.whole(pass_.states.pending_scalars);
  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    if (!gradients_.is_trained(block)) continue;
    updates_.update(block, emit_.whole(pass_.states.pending_gradients[b]));
  }
  return std::move(pass_);
}

LoweredPass lower(const ModelGraph& graph,
                  const StateFormat& format,
                  const Plan& plan,
                  const BatchShape& shape,
                  Pass pass,
                  int workers) {
  require(shape.tokens > 0 && shape.max_segments > 0 && shape.positions > 0,
          "lower: got ",
          shape.tokens,
          " tokens, ",
          shape.max_segments,
          " segments, ",
          shape.positions,
          " positions, expected all above 0");
  require(shape.micro_batches >= 1, "lower: got ", shape.micro_batches, " micro-batches");
  check(plan, graph, shape.micro_batches);
  Lowering lowering(graph, format, plan, shape, pass, workers);
  switch (pass) {
    case Pass::kTrain:
    case Pass::kFirst: return lowering.train();
    case Pass::kDrain: return lowering.drain();
    case Pass::kEvaluate: return lowering.evaluate();
    case Pass::kPrefill:
    case Pass::kDecode: return lowering.generate();
  }
  throw InvalidArgument("lower: unknown pass");
}

}  // namespace longhaul
