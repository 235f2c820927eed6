#include "longhaul/plan/lower.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"

#include "lowering.h"

namespace longhaul {

Lowering::Lowering(const ModelGraph& graph,
                   const StateFormat& format,
                   const Plan& plan,
                   const BatchShape& shape,
                   const PassStart& start,
                   const ComputeLane& compute)
    : graph_(graph),
      format_(format),
      plan_(plan),
      shape_(shape),
      kind_(start.pass),
      compute_(compute),
      emit_(pass_.schedule, start.has_names),
      residency_(graph, format, plan, shape_, with_states(start), emit_),
      gradients_(graph, format, plan, shape_, pass_, emit_),
      updates_(graph, format, plan, pass_, emit_),
      gradient_inputs_(gradient_inputs(graph)),
      d_(graph, shape_),
      is_begun_(graph.blocks.size()) {}

LoweredPass& Lowering::with_states(const PassStart& start) {
  constexpr std::size_t kOpsOfANode = 6;  // and buffers: what most plans stay below
  const auto micro_batches = static_cast<std::size_t>(shape_.micro_batches);
  const std::size_t most = kOpsOfANode * graph_.nodes.size() * micro_batches;
  pass_.schedule.reserve(most, most);
  pass_.start = start;
  pass_.states = add_state_buffers(graph_, format_, plan_, shape_, start.found.slot, emit_);
  return pass_;
}

void Lowering::add_scratch(Op& op) {
  const Bytes size = scratch_bytes(graph_, graph_[op.node], op.kind, shape_, compute_);
  if (size.count == 0) return;
  const Tier tier = op.lane == Lane::kHost ? Tier::kHost : Tier::kDevice;
  op.scratch = emit_.whole(emit_.add_buffer(
      BufferName{.before = "scratch of ", .what = graph_[op.node].name}, tier, size));
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
  if (plan_.updates_in_backward()) at_once_ = updates_.prepare();
  residency_.before_use = [this](BlockId block) { update_pending(block); };
  if (plan_.order == UpdateOrder::kSpread) {
    residency_.well_before_use = [this](BlockId block) { begin_pending(block); };
  }
  const auto visits = training_visits(graph_.blocks.size(), shape_.micro_batches, plan_.group);
  residency_.begin(visits);
  for (std::size_t v = 0; v < visits.size(); ++v) {
    residency_.begin_visit(v);
    update_due(visits_left_in_turn(visits, v));
    if (visits[v].is_backward) {
      backward(visits[v]);
    } else {
      forward(visits[v]);
    }
    finish_blocks();
    residency_.end_visit(v);
  }
  update_due(1);
  end_step();
  return std::move(pass_);
}

void Lowering::begin_pending(BlockId block) {
  const Pending pending = pass_.start.found.pending;
  if (is_begun_[block.index()] || pending == Pending::kNothing) return;
  is_begun_[block.index()] = true;
  if (!gradients_.is_trained(block)) return;
  const std::int64_t end = pass_.states.layouts[block.index()].trainable;
  const std::int64_t first =
      pending == Pending::kRedo ? 0 : first_deferred(plan_, plan_.of(graph_[block]), end);
  for (const StatePiece& piece : pass_.states.pending_gradients[block.index()]) {
    const std::int64_t from = std::max(first, piece.first);
    const std::int64_t until = piece.first + piece.count;
    if (from >= until) continue;
    const Bytes skipped{(from - piece.first) * size_of(format_.transport())};
    const Operand whole = emit_.whole(piece.buffer);
    const Update update{.block = block,
                        .first = from,
                        .end = until,
                        .gradient = {whole.buffer, skipped, whole.size - skipped},
                        .scalars = emit_.whole(pass_.states.pending_scalars),
                        .weights = {},
                        .norm = {}};
    due_.push_back({update, true, from});
  }
}

// All of a block that the step before left.
void Lowering::update_pending(BlockId block) {
  begin_pending(block);
  for (DueUpdate& due : due_) {
    if (due.is_left && due.update.block == block) advance(due, 1);
  }
  updates_.send_home(block);
}

// Blocks whose last gradient was written in this visit.
void Lowering::finish_blocks() {
  for (const BlockId block : complete_) {
    const std::size_t earlier = updated_.size();
    const bool is_bounded = plan_.updates_in_backward() && earlier >= kGradientsInFlight;
    gradients_.finish(block,
                      is_bounded ? std::vector<OpId>{updated_[earlier - kGradientsInFlight]}
                                 : std::vector<OpId>{});
    finished_.push_back(block);
    if (plan_.updates_in_backward()) due_.push_back({.update = update_at_once(block)});
  }
  complete_.clear();
}

Update Lowering::update_at_once(BlockId block) {
  const std::int64_t trainable = pass_.states.layouts[block.index()].trainable;
  return {.block = block,
          .end = first_deferred(plan_, plan_.of(graph_[block]), trainable),
          .gradient = gradients_.at_once(block),
          .scalars = at_once_,
          .weights = residency_.weights_on_host(block),
          .norm = gradients_.is_measured_by_update(block) ? gradients_.norm(block) : Operand{},
          .is_speculative = plan_.update == UpdateTime::kSpeculative};
}

// After the fetches of a visit: on the lanes that both use, what the device waits for goes first.
// An update is spread over the visits of a turn, or else its states would stand before what the
// second of them fetches.
void Lowering::update_due(std::int64_t visits_left) {
  const bool spreads = plan_.order == UpdateOrder::kSpread;
  for (DueUpdate& due : due_) advance(due, spreads ? visits_left : 1);
  std::erase_if(due_, [](const DueUpdate& due) { return due.next == due.update.end; });
}

void Lowering::advance(DueUpdate& due, std::int64_t visits_left) {
  const std::int64_t left = due.update.end - due.next;
  if (left == 0) return;
  const std::int64_t until = due.next + (left + visits_left - 1) / visits_left;
  due.next = updates_.add(due.update, due.next, until);
  if (due.next == due.update.end && !due.is_left) updated_.push_back(updates_.last());
}

void Lowering::end_step() {
  emit_.copy(losses_, emit_.whole(pass_.results));
  std::vector<Operand> norms;
  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    if (gradients_.is_trained(block)) norms.push_back(gradients_.norm(block));
  }
  const Operand scalars = updates_.clip(norms);
  if (plan_.update == UpdateTime::kAfterBackward) update_finished(scalars);
  updates_.send_home();
}

// After backward, in the order of the next forward.
void Lowering::update_finished(const Operand& scalars) {
  std::sort(finished_.begin(), finished_.end());
  for (const BlockId block : finished_) {
    updates_.add({.block = block,
                  .end = pass_.states.layouts[block.index()].trainable,
                  .gradient = gradients_.held(block),
                  .scalars = scalars,
                  .weights = {},
                  .norm = {}});
  }
}

LoweredPass Lowering::drain() {
  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) update_pending(make_id<BlockId>(b));
  updates_.send_home();
  return std::move(pass_);
}

std::vector<Standing> standings(const Plan& plan, Pass pass) {
  const auto defers = [&](const BlockPlan& block) { return block.next_forward_share > 0.0; };
  const bool is_some_deferred =
      plan.update == UpdateTime::kInNextForward || defers(plan.blocks) ||
      std::any_of(plan.exceptions.begin(), plan.exceptions.end(), [&](const auto& exception) {
        return defers(exception.second);
      });
  const bool is_speculative = plan.update == UpdateTime::kSpeculative;
  std::vector<Pending> pending;
  const bool is_training = pass == Pass::kTrain || pass == Pass::kDrain;
  if (is_training && is_some_deferred) pending.push_back(Pending::kDeferred);
  if (pass != Pass::kDrain) pending.push_back(Pending::kNothing);
  if (is_training && is_speculative) pending.push_back(Pending::kRedo);
  std::vector<Standing> all;
  for (int slot = 0; slot < (is_speculative ? 2 : 1); ++slot) {
    for (const Pending kind : pending) all.push_back({kind, slot});
  }
  return all;
}

Standing after_step(const Plan& plan, const Standing& before, const StepResults& results) {
  const std::vector<Standing> usual = standings(plan, Pass::kTrain);
  Standing after{usual.front().pending, before.slot};
  if (plan.update != UpdateTime::kSpeculative) return after;
  const bool holds = results.clip == 1.0F && results.is_skipped == 0;
  if (holds) {
    after.slot = 1 - before.slot;
  } else {
    after.pending = Pending::kRedo;
  }
  return after;
}

LoweredPass lower(const ModelGraph& graph,
                  const StateFormat& format,
                  const Plan& plan,
                  const BatchShape& shape,
                  Pass pass,
                  const ComputeLane& compute) {
  const std::vector<Standing> found = standings(plan, pass);
  require(!found.empty(), "lower: a drain of a plan that leaves no updates");
  return lower(graph, format, plan, shape, PassStart{pass, found.front()}, compute);
}

LoweredPass lower(const ModelGraph& graph,
                  const StateFormat& format,
                  const Plan& plan,
                  const BatchShape& shape,
                  const PassStart& start,
                  const ComputeLane& compute) {
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
  Lowering lowering(graph, format, plan, shape, start, compute);
  switch (start.pass) {
    case Pass::kTrain: return lowering.train();
    case Pass::kDrain: return lowering.drain();
    case Pass::kEvaluate: return lowering.evaluate();
    case Pass::kPrefill:
    case Pass::kDecode: return lowering.generate();
  }
  throw InvalidArgument("lower: unknown pass");
}

}  // namespace longhaul
