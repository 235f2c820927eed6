// The weights on their way to the device: blocks for a turn, tiles of the head for an op.

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/schedule/placement.h"

#include "residency.h"
#include "state_buffers.h"

namespace longhaul {

// Weights on disk that an update in backward needs right after their last use are not read twice.
bool Residency::waits_for_update(BlockId block, std::size_t turn) const {
  const BlockPlan& how = plan_.of(graph_[block]);
  return plan_.updates_in_backward() && how.update_on == Tier::kHost &&
         how.weights.tier == Tier::kDisk && turns_[block.index()].back() == turn &&
         last_turn_of_[block.index()] == turn && left_out(block).count == 0 &&
         pass_.states.layouts[block.index()].trainable > 0;
}

ElementRange Residency::left_out(BlockId block) const {
  if (!tiled_.exists() || block != head_ || graph_[tiled_].block != head_) return {};
  const ParameterSlot& slot = pass_.states.layouts[block.index()].slot(tiled_);
  return {slot.offset, round_up(slot.count, kSlotAlignment)};
}

void Residency::fetch_weights(BlockId block, std::size_t turn, const std::vector<OpId>& after) {
  const std::int64_t elements = pass_.states.layouts[block.index()].elements;
  const std::int64_t size = size_of(format_.weight());
  const ElementRange hole = left_out(block);
  BufferName name{.before = "weights of ", .what = graph_[block].name, .after = ", fetched"};
  const BufferId buffer =
      emit_.add_buffer(name, Tier::kDevice, Bytes{(elements - hole.count) * size});
  weights_[block.index()] = buffer;
  Operand waiting;
  if (waits_for_update(block, turn)) {
    name.after = " on the host";
    waiting = emit_.whole(emit_.add_buffer(name, Tier::kHost, Bytes{elements * size}));
    waiting_[block.index()] = waiting;
  }
  const std::int64_t behind = hole.first + hole.count;
  bring_weights(block, 0, {buffer, {}, Bytes{hole.first * size}}, waiting, after);
  bring_weights(block,
                behind,
                {buffer, Bytes{hole.first * size}, Bytes{(elements - behind) * size}},
                waiting,
                after);
}

void Residency::bring_weights(BlockId block,
                              std::int64_t first,
                              const Operand& to,
                              const Operand& waiting,
                              const std::vector<OpId>& after) {
  const std::vector<StatePiece>& pieces = pass_.states.streams[block.index()].front();
  const std::int64_t size = size_of(format_.weight());
  const std::int64_t unit = kBufferAlignment[static_cast<std::size_t>(Tier::kDisk)];
  const std::int64_t end = first + to.size.count / size;
  Bytes offset = to.offset;
  while (first < end) {
    Operand from = operand_of(pieces, first, std::min(plan_.chunk, end - first), format_.weight());
    if (emit_.schedule()[from.buffer].tier == Tier::kDisk) {
      // The store reads from the start of a unit of its buffer, which holds this piece alone; what
      // stands before `first` is passed over.
      const Bytes before{from.offset.count % unit};
      const Operand units{from.buffer,
                          from.offset - before,
                          std::min(from.size + before, Bytes{plan_.chunk * size})};
      const Operand slot = waiting.exists()
                               ? Operand{waiting.buffer, Bytes{first * size} - before, units.size}
                               : from_disk_.next(emit_, units.size);
      emit_.copy(units, slot, waiting.exists() ? after : std::vector<OpId>{});
      from = {slot.buffer, slot.offset + before, slot.size - before};
    }
    emit_.copy(from, {to.buffer, offset, from.size}, after);
    first += from.size.count / size;
    offset += from.size;
  }
}

Operand Residency::weight(TensorId parameter, Tier tier) {
  const std::size_t block = graph_[parameter].block.index();
  const ParameterSlot& slot = pass_.states.layouts[block].slot(parameter);
  if (tier == Tier::kHost) {
    return operand_of(
        pass_.states.streams[block].front(), slot.offset, slot.count, format_.weight());
  }
  longhaul::require(weights_[block].exists(), graph_[parameter].name, ": is not on the device");
  const std::int64_t size = size_of(format_.weight());
  const ElementRange hole = left_out(graph_[parameter].block);
  const std::int64_t offset = slot.offset - (slot.offset > hole.first ? hole.count : 0);
  return {weights_[block], Bytes{offset * size}, Bytes{slot.count * size}};
}

Operand Residency::weight_part(TensorId parameter, const ElementRange& part) {
  const std::int64_t size = size_of(format_.weight());
  if (parameter != tiled_) return part_of(weight(parameter), part, size);
  const BlockId block = graph_[parameter].block;
  if (before_use) before_use(block);
  const Operand tile = tiles_.next(emit_, Bytes{part.count * size});
  const ParameterSlot& slot = pass_.states.layouts[block.index()].slot(parameter);
  bring_weights(block, slot.offset + part.first, tile, {}, {});
  return tile;
}

}  // namespace longhaul
