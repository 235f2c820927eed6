// Forward of a visit, evaluation and generation; the head is in lower_head.cpp.

#include "longhaul/core/error.h"

#include "lowering.h"

namespace longhaul {

void Lowering::forward(const Visit& visit) {
  for (const NodeId id : graph_[visit.block].nodes) {
    if (is<HeadLoss>(graph_[id])) {
      head(graph_[id], visit.micro_batch);
    } else {
      forward_node(graph_[id], visit.micro_batch);
    }
  }
}

void Lowering::forward_node(const Node& node, int micro_batch) {
  const bool is_cached = is<Attention>(node) && (kind_ == Pass::kPrefill || kind_ == Pass::kDecode);
  const OpKind kind = !is_cached               ? OpKind::kForward
                      : kind_ == Pass::kDecode ? OpKind::kDecode
                                               : OpKind::kPrefill;
  Op op = node_op(kind, node, micro_batch);
  const Tier tier = op.lane == Lane::kHost ? Tier::kHost : Tier::kDevice;
  if (tier == Tier::kHost && residency_.before_use) residency_.before_use(node.block);
  for (const TensorId id : node.inputs) {
    const bool is_for_backward = is<Embedding>(node) && id == node.inputs[1];  // the sorted order
    op.reads.push_back(is_for_backward ? Operand{} : input(id, micro_batch, tier));
  }
  for (const TensorId id : node.outputs) {
    op.writes.push_back(residency_.produce(id, micro_batch, tier));
  }
  if (is_cached) add_caches(node, micro_batch, op);
  add_scratch(op);
  emit_.add(std::move(op));
  for (const TensorId id : node.outputs) residency_.produced(id, micro_batch);
}

void Lowering::add_caches(const Node& node, int micro_batch, Op& op) {
  const auto& attention = std::get<Attention>(node.kind);
  const Bytes size{shape_.positions * attention.kv_heads * attention.head_dim *
                   size_of(format_.weight())};
  for (const char* what : {"keys of ", "values of "}) {
    pass_.caches.push_back(
        emit_.add_buffer(BufferName{.before = what, .what = node.name}, Tier::kDevice, size, true));
    op.writes.push_back(emit_.whole(pass_.caches.back()));
  }
  if (op.kind != OpKind::kDecode) return;
  op.reads.push_back(residency_.require(graph_.inputs.positions, micro_batch));
  op.accumulates = 0b1100;  // the caches keep their other rows
}

// All blocks in order; the loss or the logits at the end.
void Lowering::forward_all() {
  const auto visits = forward_visits(graph_.blocks.size(), shape_.micro_batches);
  residency_.begin(visits);
  for (std::size_t v = 0; v < visits.size(); ++v) {
    residency_.begin_visit(v);
    forward(visits[v]);
    residency_.end_visit(v);
  }
}

LoweredPass Lowering::evaluate() {
  add_records();
  forward_all();
  emit_.copy(losses_, emit_.whole(pass_.results));
  return std::move(pass_);
}

LoweredPass Lowering::generate() {
  require(kind_ != Pass::kDecode || shape_.tokens == 1,
          "lower: decode takes one token, got ",
          shape_.tokens);
  require(shape_.tokens <= shape_.positions,
          "lower: ",
          shape_.tokens,
          " tokens do not fit caches of ",
          shape_.positions,
          " rows");
  forward_all();
  return std::move(pass_);
}

}  // namespace longhaul
