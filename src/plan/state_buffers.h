// The persistent buffers of a run, as its plan places them.
#pragma once

#include "longhaul/plan/lower.h"

#include "emitter.h"

namespace longhaul {

// As slot `slot` has them.
StateBuffers add_state_buffers(const ModelGraph& graph,
                               const StateFormat& format,
                               const Plan& plan,
                               const BatchShape& shape,
                               int slot,
                               Emitter& emit);

// The part of a stream's elements [first, first + count) that lies in one piece, as an operand;
// shorter than asked where the piece ends.
Operand operand_of(const std::vector<StatePiece>& pieces,
                   std::int64_t first,
                   std::int64_t count,
                   DType dtype);
// The same part in the second slot, where the piece has one.
Operand second_of(const std::vector<StatePiece>& pieces,
                  std::int64_t first,
                  std::int64_t count,
                  DType dtype);

}  // namespace longhaul
