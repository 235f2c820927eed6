// The head: loss, its gradients and logits. A head that is cut over the vocabulary is two ops per
// tile, so that its weight and the weight's gradient come and go tile by tile beside them.

#include <algorithm>

#include "longhaul/core/error.h"

#include "lowering.h"

namespace longhaul {

// The weight of a head in tiles of its rows, in elements; one tile where it is not cut.
std::vector<ElementRange> Lowering::tiles_of(const HeadLoss& head) {
  const std::int64_t rows = head.tile_rows > 0 ? head.tile_rows : head.rows;
  std::vector<ElementRange> tiles;
  for (std::int64_t row = 0; row < head.rows; row += rows) {
    tiles.push_back({row * head.width, std::min(rows, head.rows - row) * head.width});
  }
  return tiles;
}

void Lowering::logits(const Node& node, int micro_batch) {
  const auto& kind = std::get<HeadLoss>(node.kind);
  const std::int64_t element = size_of(format_.weight());
  const Bytes size{kind.rows * element};
  const Operand logits = emit_.whole(emit_.add_buffer("logits", Tier::kDevice, size));
  for (const ElementRange& tile : tiles_of(kind)) {
    Op op = node_op(OpKind::kLogits, node, micro_batch);
    op.reads = {input(graph_.hidden, micro_batch),
                residency_.weight_part(node.inputs[1], tile),
                residency_.require(graph_.inputs.segment_offsets, micro_batch)};
    op.writes = {{logits.buffer,
                  Bytes{tile.first / kind.width * element},
                  Bytes{tile.count / kind.width * element}}};
    add_scratch(op);
    emit_.add(std::move(op));
  }
  pass_.logits = emit_.add_buffer("logits on the host", Tier::kHost, size, true);
  emit_.copy(logits, emit_.whole(pass_.logits));
}

void Lowering::head(const Node& node, int micro_batch) {
  if (kind_ == Pass::kPrefill || kind_ == Pass::kDecode) return logits(node, micro_batch);
  const Operand losses = residency_.produce(node.outputs[0], micro_batch);
  if (std::get<HeadLoss>(node.kind).tile_rows > 0) {
    tiled_head(node, micro_batch, losses);
  } else {
    whole_head(node, micro_batch, losses);
  }
}

void Lowering::sum_losses(const Node& node, int micro_batch, const Operand& losses) {
  Op op = node_op(OpKind::kSumLosses, node, micro_batch);
  op.reads = {losses};
  op.writes = {losses_};
  op.accumulates = 1;
  add_scratch(op);
  emit_.add(std::move(op));
}

void Lowering::whole_head(const Node& node, int micro_batch, const Operand& losses) {
  Op op = node_op(OpKind::kHeadLoss, node, micro_batch);
  for (const TensorId id : node.inputs) op.reads.push_back(input(id, micro_batch));
  op.reads.push_back(residency_.record(pass_.scalars));
  op.writes.push_back(losses);
  GradientTarget d_weight;
  const Targets& targets = gradient_inputs_[op.node.index()];
  if (is_training()) {
    GradientTarget d_hidden;
    if (targets[0].exists()) d_hidden = activation_gradient(targets[0], micro_batch);
    if (targets[1].exists()) d_weight = gradients_.target(node, targets[1], micro_batch);
    op.writes.push_back(d_hidden.operand);
    op.writes.push_back(d_weight.operand);
  }
  add_scratch(op);
  emit_.add(std::move(op));
  sum_losses(node, micro_batch, losses);
  if (d_weight.operand.exists()) wrote(node, targets[1], micro_batch, d_weight.operand);
}

void Lowering::tiled_head(const Node& node, int micro_batch, const Operand& losses) {
  const std::vector<ElementRange> tiles = tiles_of(std::get<HeadLoss>(node.kind));
  const BufferName name{.before = "statistics of ", .what = node.name, .micro_batch = micro_batch};
  const Operand statistics =
      emit_.whole(emit_.add_buffer(name, Tier::kDevice, Bytes{3 * shape_.tokens * 4}));
  for (const ElementRange& tile : tiles) {
    Op op = head_tile(OpKind::kHeadStatistics, node, micro_batch, tile);
    op.writes = {statistics, &tile == &tiles.back() ? losses : Operand{}};
    op.accumulates = tile.first > 0 ? 1 : 0;
    add_scratch(op);
    emit_.add(std::move(op));
  }
  sum_losses(node, micro_batch, losses);
  if (is_training()) head_gradients(node, micro_batch, tiles, statistics);
}

Op Lowering::head_tile(OpKind kind, const Node& node, int micro_batch, const ElementRange& tile) {
  Op op = node_op(kind, node, micro_batch);
  op.first_element = tile.first;
  op.reads = {input(node.inputs[0], micro_batch),
              residency_.weight_part(node.inputs[1], tile),
              input(node.inputs[2], micro_batch)};
  return op;
}

void Lowering::head_gradients(const Node& node,
                              int micro_batch,
                              const std::vector<ElementRange>& tiles,
                              const Operand& statistics) {
  const auto& kind = std::get<HeadLoss>(node.kind);
  const Targets& targets = gradient_inputs_[static_cast<std::size_t>(&node - graph_.nodes.data())];
  Operand d_hidden;
  Operand sums;
  if (targets[0].exists()) d_hidden = activation_gradient(targets[0], micro_batch).operand;
  if (targets[0].exists() && tiles.size() > 1) {
    const BufferName name{
        .before = "sums of d_", .what = graph_[targets[0]].name, .micro_batch = micro_batch};
    sums =
        emit_.whole(emit_.add_buffer(name, Tier::kDevice, Bytes{shape_.tokens * kind.width * 4}));
  }
  for (const ElementRange& tile : tiles) {
    Operand d_weight;
    if (targets[1].exists()) {
      d_weight = gradients_.target(node, targets[1], micro_batch, tile).operand;
    }
    Op op = head_tile(OpKind::kHeadGradient, node, micro_batch, tile);
    op.reads.push_back(residency_.record(pass_.scalars));
    op.reads.push_back(statistics);
    op.writes = {&tile == &tiles.back() ? d_hidden : Operand{}, d_weight, sums};
    op.accumulates = tile.first > 0 ? 0b100 : 0;
    add_scratch(op);
    emit_.add(std::move(op));
    if (d_weight.exists()) wrote(node, targets[1], micro_batch, d_weight, tile);
  }
}

}  // namespace longhaul
