#include "state_buffers.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"

namespace longhaul {
namespace {

// Elements [0, end) of a stream alternate between two slots.
struct Slots {
  std::int64_t end = 0;
  int current = 0;
};

Slots slots_of(const Plan& plan, const BlockPlan& how, std::int64_t trainable, int current) {
  const bool is_speculative = plan.update == UpdateTime::kSpeculative;
  return {is_speculative ? first_deferred(plan, how, trainable) : 0, current};
}

std::int64_t in_ram_of(const StateHome& home, std::int64_t elements) {
  if (home.tier != Tier::kDisk) return home.tier == Tier::kHost ? elements : 0;
  const auto wanted = static_cast<std::int64_t>(static_cast<double>(elements) * home.ram_share);
  return std::min(elements, round_up(wanted, kShareElements));
}

class StreamOf {
 public:
  StreamOf(std::string name, DType dtype, const Slots& slots, Emitter& emit)
      : name_(std::move(name)), dtype_(dtype), slots_(slots), emit_(emit) {}

  // The pieces of a stream of so many elements. Those in RAM are the first ones, at most `first` of
  // them, and the last ones.
  std::vector<StatePiece> at(const StateHome& home, std::int64_t elements, std::int64_t first) {
    if (home.tier != Tier::kDisk) {
      add(home.tier, 0, elements);
    } else {
      const std::int64_t in_ram = in_ram_of(home, elements);
      first = std::min(first, in_ram);
      const std::int64_t end = first + round_up(elements - in_ram, kShareElements);
      const std::int64_t last = std::min(elements, end);
      if (first > 0) add(Tier::kHost, 0, first);
      add(Tier::kDisk, first, last - first);
      if (last < elements) add(Tier::kHost, last, elements - last);
    }
    return std::move(pieces_);
  }

 private:
  void add(Tier tier, std::int64_t first, std::int64_t count) {
    const std::int64_t alternating = std::clamp<std::int64_t>(slots_.end - first, 0, count);
    if (alternating > 0) add_piece(tier, first, alternating, true);
    add_piece(tier, first + alternating, count - alternating, false);
  }
  void add_piece(Tier tier, std::int64_t first, std::int64_t count, bool alternates) {
    if (count == 0 && !pieces_.empty()) return;
    const Bytes size{count * size_of(dtype_)};
    StatePiece piece{first, count, emit_.add_buffer(name_, tier, size, true), {}};
    if (alternates) {
      const BufferName second{.what = name_, .after = ", second slot"};
      piece.second = emit_.add_buffer(second, tier, size, true);
    }
    if (alternates && slots_.current == 1) std::swap(piece.buffer, piece.second);
    pieces_.push_back(piece);
  }

  std::string name_;
  DType dtype_;
  Slots slots_;
  Emitter& emit_;
  std::vector<StatePiece> pieces_;
};

// The streams of a block. What the device computes with stays in one piece. Weights in RAM are
// those of states in RAM; of the others the last ones, which updates in the next forward find
// there.
std::vector<std::vector<StatePiece>> add_streams(const Block& block,
                                                 const BlockPlan& how,
                                                 const BlockLayout& layout,
                                                 const StateFormat& format,
                                                 const Slots& slots,
                                                 Emitter& emit) {
  Slots weights = slots;
  if (slots.end > 0 && how.weights.tier == Tier::kDevice) weights.end = layout.elements;
  const std::int64_t with_states = in_ram_of(how.states, layout.trainable);
  std::vector<std::vector<StatePiece>> streams;
  for (const StateStream& stream : format.streams) {
    const bool is_weight = streams.empty();
    StreamOf pieces(
        concat(stream.name, " of ", block.name), stream.dtype, is_weight ? weights : slots, emit);
    streams.push_back(is_weight ? pieces.at(how.weights, layout.elements, with_states)
                                : pieces.at(how.states, layout.trainable, with_states));
  }
  return streams;
}

// The elements whose gradient is kept after a step. With speculation and gradients on disk, those
// that the next forward reads in any case wait on the host.
std::vector<StatePiece> add_pending(const Block& block,
                                    const BlockPlan& how,
                                    const Plan& plan,
                                    std::int64_t trainable,
                                    DType dtype,
                                    Emitter& emit) {
  const std::int64_t deferred = first_deferred(plan, how, trainable);
  std::vector<StatePiece> pieces;
  const auto add = [&](Tier tier, std::int64_t first, std::int64_t end) {
    if (first == end) return;
    const BufferName name{.before = "pending gradients of ", .what = block.name};
    const Bytes size{(end - first) * size_of(dtype)};
    pieces.push_back({first, end - first, emit.add_buffer(name, tier, size, true), {}});
  };
  if (plan.update != UpdateTime::kSpeculative) {
    add(how.gradients, deferred, trainable);
  } else if (how.gradients != Tier::kDisk) {
    add(how.gradients, 0, trainable);
  } else {
    add(Tier::kDisk, 0, deferred);
    add(Tier::kHost, deferred, trainable);
  }
  return pieces;
}

const StatePiece& piece_with(const std::vector<StatePiece>& pieces, std::int64_t element) {
  for (const StatePiece& piece : pieces) {
    if (element >= piece.first && element < piece.first + piece.count) return piece;
  }
  throw InvalidArgument(concat("lower: no piece of a stream holds element ", element));
}

Operand part_of(
    const StatePiece& piece, BufferId buffer, std::int64_t first, std::int64_t count, DType dtype) {
  const std::int64_t here = std::min(count, piece.first + piece.count - first);
  const std::int64_t size = size_of(dtype);
  return {buffer, Bytes{(first - piece.first) * size}, Bytes{here * size}};
}

}  // namespace

StateBuffers add_state_buffers(const ModelGraph& graph,
                               const StateFormat& format,
                               const Plan& plan,
                               const BatchShape& shape,
                               int slot,
                               Emitter& emit) {
  StateBuffers states;
  const bool is_trained = format.streams.size() > 1;
  bool is_pending = false;
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    const Block& block = graph.blocks[b];
    const BlockPlan& how = plan.of(block);
    states.layouts.push_back(make_layout(graph, make_id<BlockId>(b)));
    const BlockLayout& layout = states.layouts.back();
    const std::int64_t trainable = is_trained ? layout.trainable : 0;
    states.streams.push_back(
        add_streams(block, how, layout, format, slots_of(plan, how, trainable, slot), emit));
    const Bytes weights{layout.elements * size_of(format.weight())};
    states.weight_copies.push_back(
        how.keeps_weights_on_device
            ? emit.add_buffer(BufferName{.before = "copy of the weights of ", .what = block.name},
                              Tier::kDevice,
                              weights,
                              true)
            : BufferId{});
    states.pending_gradients.push_back(
        add_pending(block, how, plan, trainable, format.transport(), emit));
    is_pending = is_pending || !states.pending_gradients.back().empty();
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
  const StatePiece& piece = piece_with(pieces, first);
  return part_of(piece, piece.buffer, first, count, dtype);
}

Operand second_of(const std::vector<StatePiece>& pieces,
                  std::int64_t first,
                  std::int64_t count,
                  DType dtype) {
  const StatePiece& piece = piece_with(pieces, first);
  return piece.second.exists() ? part_of(piece, piece.second, first, count, dtype) : Operand{};
}

}  // namespace longhaul
