#include "state_buffers.h"

#include <algorithm>
#include <cmath>

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"

namespace longhaul {
namespace {

// Pieces end at multiples of this, so that every chunk on disk starts on one of its units.
constexpr std::int64_t kPieceAlignment = 65536;  // elements

std::vector<StatePiece> add_stream(const std::string& name,
                                   std::int64_t elements,
                                   DType dtype,
                                   const StateHome& home,
                                   Emitter& emit) {
  std::vector<StatePiece> pieces;
  const auto add = [&](Tier tier, std::int64_t first, std::int64_t count) {
    if (count == 0 && !pieces.empty()) return;
    const Bytes size{count * size_of(dtype)};
    pieces.push_back({first, count, emit.add_buffer(name, tier, size, true)});
  };
  if (home.tier != Tier::kDisk) {
    add(home.tier, 0, elements);
    return pieces;
  }
  const auto wanted = static_cast<std::int64_t>(static_cast<double>(elements) * home.ram_share);
  const std::int64_t in_ram = std::min(elements, round_up(wanted, kPieceAlignment));
  if (in_ram > 0) add(Tier::kHost, 0, in_ram);
  add(Tier::kDisk, in_ram, elements - in_ram);
  return pieces;
}

}  // namespace

StateBuffers add_state_buffers(const ModelGraph& graph,
                               const StateFormat& format,
                               const Plan& plan,
                               const BatchShape& shape,
                               Emitter& emit) {
  StateBuffers states;
  const bool is_pending = plan.update == UpdateTime::kInNextForward && format.streams.size() > 1;
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    const Block& block = graph.blocks[b];
    const BlockPlan& how = plan.of(block);
    states.layouts.push_back(make_layout(graph, make_id<BlockId>(b)));
    const BlockLayout& layout = states.layouts.back();
    auto& streams = states.streams.emplace_back();
    for (std::size_t s = 0; s < format.streams.size(); ++s) {
      streams.push_back(add_stream(concat(format.streams[s].name, " of ", block.name),
                                   s == 0 ? layout.elements : layout.trainable,
                                   format.streams[s].dtype,
                                   s == 0 ? how.weights : how.states,
                                   emit));
    }
    const Bytes weights{layout.elements * size_of(format.weight())};
    states.weight_copies.push_back(
        how.keeps_weights_on_device
            ? emit.add_buffer("copy of the weights of " + block.name, Tier::kDevice, weights, true)
            : BufferId{});
    const Bytes gradient{layout.trainable * size_of(format.transport())};
    states.pending_gradients.push_back(
        is_pending
            ? emit.add_buffer("pending gradients of " + block.name, how.gradients, gradient, true)
            : BufferId{});
  }
  for (std::size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (tensor.kind != TensorKind::kConstant) continue;
    states.constants.emplace_back(
        make_id<TensorId>(t),
        emit.add_buffer(tensor.name, Tier::kDevice, byte_count(tensor, shape), true));
  }
  if (is_pending) {
    states.pending_scalars =
        emit.add_buffer("pending update scalars", Tier::kHost, Bytes{kUpdateScalarsSize}, true);
  }
  return states;
}

Operand operand_of(const std::vector<StatePiece>& pieces,
                   std::int64_t first,
                   std::int64_t count,
                   DType dtype) {
  for (const StatePiece& piece : pieces) {
    if (first < piece.first || first >= piece.first + piece.count) continue;
    const std::int64_t here = std::min(count, piece.first + piece.count - first);
    const std::int64_t size = size_of(dtype);
    return {piece.buffer, Bytes{(first - piece.first) * size}, Bytes{here * size}};
  }
  throw InvalidArgument(concat("lower: no piece of a stream holds element ", first));
}

}  // namespace longhaul
