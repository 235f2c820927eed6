// The only map from a parameter to its place in the streams of its block. Every stream (weight,
// remainder, moments, gradient) of a block holds its parameters in the same order, so that one
// element offset serves all of them.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/graph/model_graph.h"

namespace longhaul {

struct ParameterSlot {
  TensorId parameter;
  std::int64_t offset = 0;  // elements from the start of the stream, a multiple of kSlotAlignment
  std::int64_t count = 0;   // elements
};

// Elements; 256 bytes in the narrowest stream (2 bytes an element).
inline constexpr std::int64_t kSlotAlignment = 128;

// Slots in the order: trainable and decayed, trainable and not decayed, frozen. Between slots lie
// fewer than kSlotAlignment elements that stay zero in every stream.
struct BlockLayout {
  std::vector<ParameterSlot> slots;
  std::int64_t decayed = 0;    // elements [0, decayed): weight decay applies
  std::int64_t trainable = 0;  // elements [0, trainable): have gradients and states
  std::int64_t elements = 0;   // all, what a weight stream holds

  // Throws InvalidArgument when the block does not own `parameter`.
  const ParameterSlot& slot(TensorId parameter) const;
};

BlockLayout make_layout(const ModelGraph& graph, BlockId block);

// Partial sums of the gradient norm of a block: one per chunk of kNormChunkElements of every
// trainable slot, slots in order. Stored as `chunks` doubles (sums of squares) followed by `chunks`
// int64 (elements that are not finite).
struct NormPartials {
  std::vector<std::int64_t> first_chunk;  // per trainable slot
  std::int64_t chunks = 0;
};

NormPartials norm_partials(const BlockLayout& layout);

}  // namespace longhaul
