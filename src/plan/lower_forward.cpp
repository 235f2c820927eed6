// Forward of one micro-batch, evaluation and generation.

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"
#include "longhaul/plan/scratch.h"

#include "lowering.h"

namespace longhaul {

void Lowering::forward_block(BlockId block, int micro_batch) {
  for (const NodeId id : graph_[block].nodes) {
    if (is<HeadLoss>(graph_[id])) {
      head(graph_[id], micro_batch);
    } else {
      forward_node(graph_[id], micro_batch);
    }
  }
}

void Lowering::forward_node(const Node& node, int micro_batch) {
  const bool is_cached = is<Attention>(node) && (kind_ == Pass::kPrefill || kind_ == Pass::kDecode);
  const OpKind kind = !is_cached               ? OpKind::kForward
                      : kind_ == Pass::kDecode ? OpKind::kDecode
                                               : OpKind::kPrefill;
  Op op = node_op(kind, node, micro_batch);
  for (const TensorId id : node.inputs) {
    const bool is_for_backward = is<Embedding>(node) && id == node.inputs[1];  // the sorted order
    op.reads.push_back(is_for_backward ? Operand{} : input(id, micro_batch));
  }
  for (const TensorId id : node.outputs) op.writes.push_back(residency_.produce(id, micro_batch));
  if (is_cached) {
    const auto& attention = std::get<Attention>(node.kind);
    const Bytes size{shape_.positions * attention.kv_heads * attention.head_dim *
                     size_of(format_.weight())};
    for (const char* what : {"keys of ", "values of "}) {
      pass_.caches.push_back(add_persistent(what + node.name, size, Tier::kDevice));
      op.writes.push_back(whole(pass_.caches.back()));
    }
    if (kind == OpKind::kDecode) {
      op.reads.push_back(residency_.require(graph_.inputs.positions, micro_batch));
      op.accumulates = 0b1100;  // the caches keep their other rows
    }
  }
  add_scratch(op);
  add(std::move(op));
}

void Lowering::head(const Node& node, int micro_batch) {
  if (kind_ == Pass::kPrefill || kind_ == Pass::kDecode) {
    const Bytes size{std::get<HeadLoss>(node.kind).rows * size_of(format_.weight())};
    const BufferId logits = add_buffer("logits", size);
    Op op = node_op(OpKind::kLogits, node, micro_batch);
    op.reads = {input(graph_.hidden, micro_batch),
                weight(node.inputs[1]),
                residency_.require(graph_.inputs.segment_offsets, micro_batch)};
    op.writes = {whole(logits)};
    add_scratch(op);
    add(std::move(op));
    pass_.logits = add_persistent("logits on the host", size, Tier::kHost);
    download(logits, pass_.logits);
    return;
  }
  Op op = node_op(OpKind::kHeadLoss, node, micro_batch);
  for (const TensorId id : node.inputs) op.reads.push_back(input(id, micro_batch));
  op.reads.push_back(residency_.require_record(pass_.scalars));
  op.writes.push_back(residency_.produce(node.outputs[0], micro_batch));
  if (kind_ == Pass::kTrain) {
    const std::vector<TensorId> gradients = gradient_inputs(graph_)[op.node.index()];
    Target d_hidden;
    Target d_weight;
    if (gradients[0].exists()) d_hidden = activation_gradient(gradients[0], micro_batch);
    if (gradients[1].exists()) d_weight = parameter_gradient(node, gradients[1], micro_batch);
    op.writes.push_back(d_hidden.operand);
    op.writes.push_back(d_weight.operand);
  }
  add_scratch(op);
  const Operand losses = op.writes[0];
  add(std::move(op));

  Op sum = node_op(OpKind::kSumLosses, node, micro_batch);
  sum.reads = {losses};
  sum.writes = {whole(results_)};
  sum.accumulates = 1;
  add_scratch(sum);
  add(std::move(sum));
  if (kind_ == Pass::kTrain) accumulate(node, micro_batch);
}

LoweredPass Lowering::evaluate() {
  pass_.scalars = add_persistent("step scalars", Bytes{sizeof(StepScalars)}, Tier::kHost);
  pass_.results = add_persistent("step results", Bytes{sizeof(StepResults)}, Tier::kHost);
  results_ = add_buffer("step results on the device", Bytes{sizeof(StepResults)});
  Op clear{.kind = OpKind::kFill, .lane = Lane::kCompute};
  clear.writes = {whole(results_)};
  add(std::move(clear));
  for (int m = 0; m < shape_.micro_batches; ++m) {
    for (std::size_t b = 0; b < graph_.blocks.size(); ++b) forward_block(make_id<BlockId>(b), m);
  }
  download(results_, pass_.results);
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
  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) forward_block(make_id<BlockId>(b), 0);
  return std::move(pass_);
}

}  // namespace longhaul
