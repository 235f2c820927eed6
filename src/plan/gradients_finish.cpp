// A block's gradients are complete: their norm, and the way to where they wait.

#include <algorithm>

#include "longhaul/graph/run_rules.h"

#include "gradients.h"

namespace longhaul {
namespace {

constexpr std::int64_t kNormRecord = 16;  // bytes of a chunk's partial sums: a double, an int64

}  // namespace

std::int64_t Gradients::held_from(BlockId block) const {
  if (plan_.update != UpdateTime::kInBackward) return 0;
  return first_deferred(plan_, how(block), layout(block).trainable);
}

Operand Gradients::at_once(BlockId block) const {
  const State& state = states_[block.index()];
  return how(block).gradients == Tier::kDevice ? state.device : state.host;
}

void Gradients::finish(BlockId block, const std::vector<OpId>& after) {
  State& state = states_[block.index()];
  const bool is_all_on_device =
      std::none_of(state.on_host.begin(), state.on_host.end(), [](bool here) { return here; });
  const bool is_by_update = is_measured_by_update(block);
  if (is_all_on_device && !is_by_update) measure(block, state.device, Tier::kDevice);
  if (how(block).gradients != Tier::kDevice) send_to_host(block, after);
  if (!is_all_on_device && !is_by_update) measure(block, state.host, Tier::kHost);
  if (is_by_update) {
    partials_of(block, Tier::kHost, 0, 0);
    state.norm = state.partials[static_cast<std::size_t>(Tier::kHost)];
  }
  hold(block);
}

void Gradients::send_to_host(BlockId block, const std::vector<OpId>& after) {
  State& state = states_[block.index()];
  gradients(state.host, block, Tier::kHost);
  const BlockLayout& slots = layout(block);
  for (std::size_t s = 0; s < slots.slots.size() && slots.slots[s].offset < slots.trainable; ++s) {
    if (state.on_host[s]) continue;
    std::size_t next = s + 1;
    while (next < slots.slots.size() && slots.slots[next].offset < slots.trainable &&
           !state.on_host[next]) {
      ++next;
    }
    const bool is_end = next == slots.slots.size() || slots.slots[next].offset >= slots.trainable;
    send_range(
        block, slots.slots[s].offset, is_end ? slots.trainable : slots.slots[next].offset, after);
    s = next - 1;
  }
}

void Gradients::send_range(BlockId block,
                           std::int64_t first,
                           std::int64_t end,
                           const std::vector<OpId>& after) {
  const State& state = states_[block.index()];
  for (std::int64_t at = first; at < end; at += plan_.chunk) {
    const std::int64_t count = std::min(plan_.chunk, end - at);
    emit_.copy(elements(state.device, at, count), elements(state.host, at, count), after);
  }
}

// Moves what waits for a later update to where it does, if it is not there.
void Gradients::hold(BlockId block) {
  State& state = states_[block.index()];
  const std::int64_t first = held_from(block);
  const std::int64_t end = layout(block).trainable;
  if (first == end) return;
  const Operand here = at_once(block);
  const std::vector<StatePiece>& pending = pass_.states.pending_gradients[block.index()];
  for (const StatePiece& piece : pending) {
    if (piece.buffer != here.buffer) send_on(here, piece.first, emit_.whole(piece.buffer));
  }
  if (!pending.empty()) return;
  if (how(block).gradients != Tier::kDisk) {
    state.held = elements(here, first, end - first);
    return;
  }
  Operand all;
  state.held = gradients(all, block, Tier::kDisk);
  send_on(here, first, state.held);
}

// From element `first` of an array on, as much as `to` holds.
void Gradients::send_on(const Operand& array, std::int64_t first, const Operand& to) {
  const std::int64_t all = to.size.count / size_of(transport_);
  for (std::int64_t at = 0; at < all; at += plan_.chunk) {
    const std::int64_t count = std::min(plan_.chunk, all - at);
    emit_.copy(elements(array, first + at, count), elements(to, at, count));
  }
}

Operand Gradients::elements(const Operand& array, std::int64_t first, std::int64_t count) const {
  const std::int64_t size = size_of(transport_);
  return {array.buffer, array.offset + Bytes{first * size}, Bytes{count * size}};
}

// --- the norm

bool Gradients::is_measured_by_update(BlockId block) const {
  return plan_.update == UpdateTime::kInBackward && how(block).update_on == Tier::kHost &&
         how(block).gradients != Tier::kDevice && held_from(block) == layout(block).trainable &&
         shape_.micro_batches == 1;
}

std::array<Operand, 2> Gradients::partials_of(BlockId block,
                                              Tier tier,
                                              std::int64_t first,
                                              std::int64_t chunks) {
  const std::int64_t all = norm_partials(layout(block)).chunks;
  Operand& record = states_[block.index()].partials[static_cast<std::size_t>(tier)];
  if (!record.exists()) {
    record =
        emit_.whole(emit_.add_buffer(BufferName{.before = "norm of ", .what = graph_[block].name},
                                     tier,
                                     Bytes{all * kNormRecord}));
  }
  const Bytes size{chunks * kNormRecord / 2};
  return {Operand{record.buffer, Bytes{first * kNormRecord / 2}, size},
          Operand{record.buffer, Bytes{(all + first) * kNormRecord / 2}, size}};
}

void Gradients::measure_with(Op& op, TensorId parameter, Tier tier) {
  const BlockId block = graph_[parameter].block;
  const BlockLayout& slots = layout(block);
  const NormPartials partials = norm_partials(slots);
  for (std::size_t s = 0; s < partials.first_chunk.size(); ++s) {
    const ParameterSlot& slot = slots.slots[s];
    if (slot.parameter != parameter) continue;
    const std::int64_t chunks = (slot.count + kNormChunkElements - 1) / kNormChunkElements;
    for (const Operand& part : partials_of(block, tier, partials.first_chunk[s], chunks)) {
      op.writes.push_back(part);
    }
    states_[block.index()].is_summed[static_cast<std::size_t>(tier)][s] = true;
  }
}

// Of a complete gradient: the parameters that were not measured as they were rounded, run by run.
void Gradients::measure(BlockId block, const Operand& gradient, Tier tier) {
  State& state = states_[block.index()];
  const BlockLayout& slots = layout(block);
  const NormPartials partials = norm_partials(slots);
  const std::vector<bool>& is_summed = state.is_summed[static_cast<std::size_t>(tier)];
  const std::size_t count = partials.first_chunk.size();
  for (std::size_t s = 0; s < count; ++s) {
    if (is_summed[s]) continue;
    std::size_t next = s + 1;
    while (next < count && !is_summed[next]) ++next;
    const std::int64_t first = slots.slots[s].offset;
    const ParameterSlot& last = slots.slots[next - 1];
    const std::int64_t end_chunk = next < count ? partials.first_chunk[next] : partials.chunks;
    const auto written =
        partials_of(block, tier, partials.first_chunk[s], end_chunk - partials.first_chunk[s]);
    Op op{.kind = OpKind::kGradientNorm,
          .lane = tier == Tier::kHost ? Lane::kHost : Lane::kCompute,
          .block = block,
          .first_element = first};
    op.reads = {elements(gradient, first, last.offset + last.count - first)};
    op.writes = {written[0], written[1]};
    emit_.add(std::move(op));
    s = next - 1;
  }
  state.norm = state.partials[static_cast<std::size_t>(tier)];
  if (tier == Tier::kHost) return;
  const BufferName name{.before = "norm of ", .what = graph_[block].name, .after = ", on the host"};
  const Operand host = emit_.whole(emit_.add_buffer(name, Tier::kHost, state.norm.size));
  emit_.copy(state.norm, host);
  state.norm = host;
}

}  // namespace longhaul
