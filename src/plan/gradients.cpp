#include "gradients.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/graph/backward.h"

namespace longhaul {
namespace {

// One part of a gradient is written while the one before it leaves.
constexpr int kPartSlots = 2;

}  // namespace

Gradients::Gradients(const ModelGraph& graph,
                     const StateFormat& format,
                     const Plan& plan,
                     const BatchShape& shape,
                     LoweredPass& pass,
                     Emitter& emit)
    : graph_(graph),
      format_(format),
      plan_(plan),
      shape_(shape),
      pass_(pass),
      emit_(emit),
      transport_(format.transport()),
      users_(graph.tensors.size(), 0),
      states_(graph.blocks.size()) {
  for (const Node& node : graph.nodes) {
    for (const TensorId id : node.inputs) {
      if (!graph[id].is_trainable) continue;
      ++users_[id.index()];
      states_[graph[id].block.index()].left += shape.micro_batches;
    }
  }
  for (std::size_t b = 0; b < states_.size(); ++b) {
    const std::size_t slots = layout(make_id<BlockId>(b)).slots.size();
    states_[b].on_host.resize(slots, false);
    for (std::vector<bool>& is_summed : states_[b].is_summed) is_summed.resize(slots, false);
  }
}

Operand Gradients::slot_of(const Operand& array, TensorId parameter, DType dtype) const {
  const ParameterSlot& slot = layout(graph_[parameter].block).slot(parameter);
  const std::int64_t size = size_of(dtype);
  return {array.buffer, array.offset + Bytes{slot.offset * size}, Bytes{slot.count * size}};
}

Operand& Gradients::gradients(Operand& array, BlockId block, Tier tier) {
  if (array.exists()) return array;
  const std::vector<StatePiece>& pending = pass_.states.pending_gradients[block.index()];
  const std::int64_t count = layout(block).trainable;
  const bool is_whole = pending.size() == 1 && pending.front().count == count;
  if (is_whole && emit_.schedule()[pending.front().buffer].tier == tier) {
    return array = emit_.whole(pending.front().buffer);
  }
  const Bytes size{count * size_of(transport_)};
  return array = emit_.whole(emit_.add_buffer(
             BufferName{.before = "gradients of ", .what = graph_[block].name}, tier, size));
}

Operand& Gradients::sums(Operand& array, BlockId block, Tier tier) {
  if (array.exists()) return array;
  const Bytes size{layout(block).trainable * size_of(DType::kF32)};
  return array = emit_.whole(emit_.add_buffer(
             BufferName{.before = "sums of gradients of ", .what = graph_[block].name},
             tier,
             size));
}

bool Gradients::leaves_at_once(TensorId parameter) const {
  return sums_on_host() || (plan_.embeds_on_host && is_tied(parameter)) ||
         states_[graph_[parameter].block.index()].leaves_in_parts;
}

GradientTarget Gradients::target(const Node& node,
                                 TensorId parameter,
                                 int micro_batch,
                                 const ElementRange& part) {
  if (is<Embedding>(node)) return table_target(parameter);
  const BlockId block = graph_[parameter].block;
  const bool waits_on_device = how(block).gradients == Tier::kDevice;
  if (part.count > 0 && shape_.micro_batches == 1 && !is_tied(parameter) && !waits_on_device) {
    states_[block.index()].leaves_in_parts = true;
  }
  const std::int64_t element = size_of(transport_);
  if (leaves_at_once(parameter)) {
    const std::int64_t all = element_count(graph_[parameter], shape_);
    const Bytes size{(part.count > 0 ? part.count : all) * element};
    if (part.count > 0) {
      const std::string name = "d_" + graph_[parameter].name;
      const auto found = leaving_.try_emplace(parameter, name, Tier::kDevice, size, kPartSlots);
      return {found.first->second.next(emit_, size)};
    }
    const BufferName name{
        .before = "d_", .what = graph_[parameter].name, .micro_batch = micro_batch};
    return {emit_.whole(emit_.add_buffer(name, Tier::kDevice, size))};
  }
  const Operand& all = gradients(states_[block.index()].device, block, Tier::kDevice);
  return {part_of(slot_of(all, parameter, transport_), part, element)};
}

// Rows are added to what is there: zeros, earlier micro-batches, or the head's gradient.
GradientTarget Gradients::table_target(TensorId table) {
  const BlockId block = graph_[table].block;
  State& state = states_[block.index()];
  const Tier tier = plan_.embeds_on_host ? Tier::kHost : Tier::kDevice;
  Operand target;
  bool is_empty = !is_tied(table);
  if (shape_.micro_batches == 1) {
    Operand& all = tier == Tier::kHost ? state.host : state.device;
    target = slot_of(gradients(all, block, tier), table, transport_);
  } else {
    const auto [found, is_new] = tables_.try_emplace(table);
    if (is_new) {
      const Bytes size{element_count(graph_[table], shape_) * size_of(DType::kF32)};
      found->second = emit_.whole(emit_.add_buffer(
          BufferName{.before = "sums of rows of ", .what = graph_[table].name}, tier, size));
    }
    target = found->second;
    is_empty = is_new;
  }
  if (is_empty) {
    Op clear{.kind = OpKind::kFill,
             .lane = tier == Tier::kHost ? Lane::kHost : Lane::kCompute,
             .block = block};
    clear.writes = {target};
    emit_.add(std::move(clear));
  }
  return {target, true};
}

bool Gradients::wrote(const Node& node,
                      TensorId parameter,
                      int micro_batch,
                      const Operand& gradient,
                      const ElementRange& part) {
  State& state = states_[graph_[parameter].block.index()];
  if (is<Embedding>(node)) {
    if (shape_.micro_batches > 1 && is_last(micro_batch)) round_table(parameter);
    if (plan_.embeds_on_host && is_last(micro_batch)) mark_on_host(parameter);
  } else if (shape_.micro_batches > 1) {
    accumulate(node, parameter, micro_batch, gradient, part);
  } else if (leaves_at_once(parameter)) {
    const Operand& all = gradients(state.host, graph_[parameter].block, Tier::kHost);
    emit_.copy(gradient, part_of(slot_of(all, parameter, transport_), part, size_of(transport_)));
    mark_on_host(parameter);
  }
  const bool is_more = part.first + part.count < element_count(graph_[parameter], shape_);
  if (part.count > 0 && is_more) return false;
  return --state.left == 0;
}

void Gradients::mark_on_host(TensorId parameter) {
  const BlockLayout& slots = layout(graph_[parameter].block);
  for (std::size_t s = 0; s < slots.slots.size(); ++s) {
    if (slots.slots[s].parameter != parameter) continue;
    states_[graph_[parameter].block.index()].on_host[s] = true;
  }
}

// A gradient on the host, in a slot where it comes in parts. The last one of a tied table waits as
// a whole for the embedding's.
Operand Gradients::send(TensorId parameter,
                        int micro_batch,
                        const Operand& gradient,
                        const ElementRange& part) {
  const BufferName name{.before = "d_",
                        .what = graph_[parameter].name,
                        .micro_batch = micro_batch,
                        .after = " on the host"};
  Operand here;
  if (is_last(micro_batch) && is_tied(parameter)) {
    Operand& whole = head_last_[parameter];
    if (!whole.exists()) {
      const Bytes size{element_count(graph_[parameter], shape_) * size_of(transport_)};
      whole = emit_.whole(emit_.add_buffer(name, Tier::kHost, size));
    }
    here = part_of(whole, part, size_of(transport_));
  } else if (part.count > 0) {
    const std::string slots = concat("d_", name.what, '[', micro_batch, ']', name.after);
    const auto found =
        arrived_.try_emplace(parameter, slots, Tier::kHost, gradient.size, kPartSlots);
    here = found.first->second.next(emit_, gradient.size);
  } else {
    here = emit_.whole(emit_.add_buffer(name, Tier::kHost, gradient.size));
  }
  emit_.copy(gradient, here);
  return here;
}

// Adds a micro-batch's rounded gradient to the fp32 sum; the last one is added and rounded in one.
void Gradients::accumulate(const Node& node,
                           TensorId parameter,
                           int micro_batch,
                           const Operand& gradient,
                           const ElementRange& part) {
  const BlockId block = graph_[parameter].block;
  State& state = states_[block.index()];
  const Tier tier = plan_.accumulators;
  const Operand here =
      tier == Tier::kHost ? send(parameter, micro_batch, gradient, part) : gradient;
  if (is_last(micro_batch) && is_tied(parameter)) {  // the embedding is still to come
    if (tier == Tier::kDevice) head_last_[parameter] = slot_of(state.device, parameter, transport_);
    return;
  }
  Operand& all_sums = tier == Tier::kHost ? state.host_sums : state.device_sums;
  const Operand sum = part_of(
      slot_of(sums(all_sums, block, tier), parameter, DType::kF32), part, size_of(DType::kF32));
  Op op{.kind = is_last(micro_batch) ? OpKind::kRound : OpKind::kAccumulate,
        .lane = tier == Tier::kHost ? Lane::kHost : Lane::kCompute,
        .node = make_id<NodeId>(static_cast<std::size_t>(&node - graph_.nodes.data())),
        .block = block,
        .micro_batch = micro_batch};
  if (is_last(micro_batch)) {
    Operand& all = tier == Tier::kHost ? state.host : state.device;
    op.reads = {sum, here, {}};
    op.writes = {part_of(
        slot_of(gradients(all, block, tier), parameter, transport_), part, size_of(transport_))};
    if (tier == Tier::kHost) mark_on_host(parameter);
    if (part.count == 0) measure_with(op, parameter, tier);
  } else {
    op.reads = {here};
    op.writes = {sum};
    op.accumulates = micro_batch > 0 ? 1 : 0;
  }
  emit_.add(std::move(op));
}

void Gradients::round_table(TensorId table) {
  const BlockId block = graph_[table].block;
  State& state = states_[block.index()];
  const Tier tier = plan_.embeds_on_host ? Tier::kHost : Tier::kDevice;
  Operand& all = tier == Tier::kHost ? state.host : state.device;
  const Operand& all_sums = tier == Tier::kHost ? state.host_sums : state.device_sums;
  const Operand rows = tables_.at(table);
  Op op{.kind = OpKind::kRound,
        .lane = tier == Tier::kHost ? Lane::kHost : Lane::kCompute,
        .block = block};
  if (is_tied(table)) {
    op.reads = {slot_of(all_sums, table, DType::kF32), head_last_.at(table), rows};
  } else {
    op.reads = {rows, {}, {}};
  }
  op.writes = {slot_of(gradients(all, block, tier), table, transport_)};
  measure_with(op, table, tier);
  emit_.add(std::move(op));
}

}  // namespace longhaul
