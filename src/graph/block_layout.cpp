#include "longhaul/graph/block_layout.h"

#include "longhaul/core/error.h"
#include "longhaul/graph/run_rules.h"

namespace longhaul {

const ParameterSlot& BlockLayout::slot(TensorId parameter) const {
  for (const ParameterSlot& slot : slots) {
    if (slot.parameter == parameter) return slot;
  }
  throw InvalidArgument(
      concat("BlockLayout::slot: tensor ", parameter.value, " is not in the block"));
}

BlockLayout make_layout(const ModelGraph& graph, BlockId block) {
  BlockLayout layout;
  const auto append_where = [&](bool is_trainable, bool is_decayed) {
    for (const TensorId id : graph[block].parameters) {
      const Tensor& tensor = graph[id];
      if (tensor.is_trainable != is_trainable) continue;
      if (is_trainable && tensor.is_decayed != is_decayed) continue;
      const std::int64_t count = element_count(tensor, {});
      layout.slots.push_back({id, layout.elements, count});
      layout.elements += round_up(count, kSlotAlignment);
    }
  };
  append_where(true, true);
  layout.decayed = layout.elements;
  append_where(true, false);
  layout.trainable = layout.elements;
  append_where(false, false);
  return layout;
}

NormPartials norm_partials(const BlockLayout& layout) {
  NormPartials partials;
  for (const ParameterSlot& slot : layout.slots) {
    if (slot.offset >= layout.trainable) break;
    partials.first_chunk.push_back(partials.chunks);
    partials.chunks += (slot.count + kNormChunkElements - 1) / kNormChunkElements;
  }
  return partials;
}

}  // namespace longhaul
