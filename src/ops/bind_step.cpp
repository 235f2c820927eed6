// The end of a step: accumulation over micro-batches, the global norm, clipping, the update.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "longhaul/graph/run_rules.h"
#include "longhaul/optim/step.h"

#include "binding.h"

namespace longhaul {
namespace {

static_assert(kNormChunkElements == kernels::kNormChunk);

// Scalars of the update, with and without weight decay.
struct UpdateScalars {
  kernels::AdamWScalars decayed;
  kernels::AdamWScalars plain;
};
static_assert(sizeof(UpdateScalars) <= kUpdateScalarsSize);

kernels::AdamWScalars scalars_of(const StepScalars& step, const StepResults& results, bool decays) {
  return kernels::make_adamw_scalars({.learning_rate = step.adamw.learning_rate,
                                      .beta1 = step.adamw.beta1,
                                      .beta2 = step.adamw.beta2,
                                      .epsilon = step.adamw.epsilon,
                                      .weight_decay = decays ? step.adamw.weight_decay : 0.0,
                                      .beta1_power = step.powers.beta1,
                                      .beta2_power = step.powers.beta2,
                                      .clip = results.clip,
                                      .is_skipped = results.is_skipped != 0});
}

// The chunks of one block, as kGradientNorm left them.
struct Partials {
  const double* sums;
  const std::int64_t* nonfinite;
  std::int64_t chunks;
};

Partials partials_at(const std::byte* record, Bytes size) {
  const std::int64_t chunks = size.count / 16;
  const auto* sums = reinterpret_cast<const double*>(record);
  return {sums, reinterpret_cast<const std::int64_t*>(sums + chunks), chunks};
}

// The pieces in which an update measures its gradient: 1 MiB in bf16.
constexpr std::int64_t kMeasuredPiece = 8 * kNormChunkElements;

struct ElementsOf {
  std::int64_t first;
  std::int64_t end;
};

// Measures the chunks that begin within some elements of a slot; the last of them may reach beyond.
OpBody measure(const Binding& b,
               const ParameterSlot& slot,
               std::int64_t first_chunk,
               const ElementsOf& elements) {
  const std::int64_t begin = kernels::chunk_count(elements.first, kNormChunkElements);
  const std::int64_t end = kernels::chunk_count(elements.end, kNormChunkElements);
  const std::int64_t first = begin * kNormChunkElements;
  const std::int64_t count = std::min(end * kNormChunkElements, slot.count) - first;
  if (count <= 0) return [] {};
  const std::size_t norm = b.format.streams.size();
  const std::int64_t chunks = b.op.writes[norm].size.count / 16;
  auto* sums = b.write_as<double>(norm);
  auto* nonfinite = reinterpret_cast<std::int64_t*>(sums + chunks);
  return call(b,
              b.kernels.sum_of_squares,
              kernels::SumOfSquares{
                  .x = b.read(0) + (slot.offset + first - b.op.first_element) * size_of(b.dtype()),
                  .sums = sums + first_chunk + begin,
                  .nonfinite = nonfinite + first_chunk + begin,
                  .count = count,
                  .dtype = b.dtype()});
}

// The states of one stream before an update that is not in place, from element `at` on.
template <class T>
const T* old_array(const Binding& b, std::size_t stream, std::int64_t at) {
  const T* array = b.read_as<T>(2 + stream);
  return array == nullptr ? nullptr : array + at;
}

OpBody update_fp32(const Binding& b,
                   std::int64_t at,
                   std::int64_t count,
                   const kernels::AdamWScalars* scalars) {
  return call(b,
              b.kernels.adamw_fp32,
              kernels::AdamWFp32{.weight = b.write_as<float>(0) + at,
                                 .momentum = b.write_as<float>(1) + at,
                                 .variance = b.write_as<float>(2) + at,
                                 .gradient = b.read_as<float>(0) + at,
                                 .scalars = scalars,
                                 .count = count,
                                 .old_weight = old_array<float>(b, 0, at),
                                 .old_momentum = old_array<float>(b, 1, at),
                                 .old_variance = old_array<float>(b, 2, at)});
}

OpBody update_bf16(const Binding& b,
                   std::int64_t at,
                   std::int64_t count,
                   const kernels::AdamWScalars* scalars) {
  return call(b,
              b.kernels.adamw_bf16,
              kernels::AdamWBf16{.weight = b.write_as<std::uint16_t>(0) + at,
                                 .remainder = b.write_as<std::int16_t>(1) + at,
                                 .momentum = b.write_as<float>(2) + at,
                                 .variance = b.write_as<float>(3) + at,
                                 .gradient = b.read_as<std::uint16_t>(0) + at,
                                 .scalars = scalars,
                                 .count = count,
                                 .old_weight = old_array<std::uint16_t>(b, 0, at),
                                 .old_remainder = old_array<std::int16_t>(b, 1, at),
                                 .old_momentum = old_array<float>(b, 2, at),
                                 .old_variance = old_array<float>(b, 3, at)});
}

}  // namespace

OpBody in_order(std::vector<OpBody> bodies) {
  if (bodies.size() == 1) return std::move(bodies.front());
  return [bodies = std::move(bodies)] {
    for (const OpBody& body : bodies) body();
  };
}

OpBody bind_fill(const Binding& b) {
  std::vector<OpBody> fills;
  for (std::size_t i = 0; i < b.op.writes.size(); ++i) {
    fills.push_back(call(b,
                         b.kernels.fill_zero,
                         kernels::FillZero{.y = b.write(i), .bytes = b.op.writes[i].size.count}));
  }
  return in_order(std::move(fills));
}

OpBody bind_accumulate(const Binding& b) {
  return call(b,
              b.kernels.accumulate,
              kernels::Accumulate{.accumulator = b.write_as<float>(0),
                                  .gradient = b.read(0),
                                  .count = b.op.writes[0].size.count / 4,
                                  .is_first = !b.accumulates(0),
                                  .dtype = b.dtype()});
}

OpBody bind_round(const Binding& b) {
  const bool is_measured = b.op.writes.size() > 1;
  return call(b,
              b.kernels.finish_accumulation,
              kernels::FinishAccumulation{
                  .accumulator = b.read_as<float>(0),
                  .gradient = b.read(1),
                  .tied = b.read_as<float>(2),
                  .transport = b.write(0),
                  .count = b.op.writes[0].size.count / size_of(b.dtype()),
                  .dtype = b.dtype(),
                  .sums = is_measured ? b.write_as<double>(1) : nullptr,
                  .nonfinite = is_measured ? b.write_as<std::int64_t>(2) : nullptr});
}

OpBody bind_gradient_norm(const Binding& b) {
  const BlockLayout layout = make_layout(b.graph, b.op.block);
  const NormPartials partials = norm_partials(layout);
  const std::int64_t first = b.op.first_element;
  const std::int64_t end = first + b.op.reads[0].size.count / size_of(b.dtype());
  std::vector<OpBody> slots;
  std::int64_t chunk = 0;  // of the partial sums written here
  for (std::size_t s = 0; s < partials.first_chunk.size(); ++s) {
    const ParameterSlot& slot = layout.slots[s];
    if (slot.offset < first || slot.offset >= end) continue;
    slots.push_back(
        call(b,
             b.kernels.sum_of_squares,
             kernels::SumOfSquares{.x = b.read(0) + (slot.offset - first) * size_of(b.dtype()),
                                   .sums = b.write_as<double>(0) + chunk,
                                   .nonfinite = b.write_as<std::int64_t>(1) + chunk,
                                   .count = slot.count,
                                   .dtype = b.dtype()}));
    chunk += kernels::chunk_count(slot.count, kNormChunkElements);
  }
  return in_order(std::move(slots));
}

OpBody bind_clip(const Binding& b) {
  std::vector<Partials> blocks;
  for (std::size_t i = 1; i < b.op.reads.size(); ++i) {
    blocks.push_back(partials_at(b.read(i), b.op.reads[i].size));
  }
  return [blocks = std::move(blocks),
          step = b.read_as<StepScalars>(0),
          results = b.write_as<StepResults>(0),
          scalars = b.write_as<UpdateScalars>(1)] {
    double sum = 0.0;
    std::int64_t nonfinite = 0;
    for (const Partials& block : blocks) {
      for (std::int64_t c = 0; c < block.chunks; ++c) {
        sum += block.sums[c];
        nonfinite += block.nonfinite[c];
      }
    }
    const double norm = std::sqrt(sum);
    const bool is_clipped = step->max_grad_norm > 0.0 && norm > step->max_grad_norm;
    results->gradient_norm = norm;
    results->nonfinite = nonfinite;
    results->clip = is_clipped ? static_cast<float>(step->max_grad_norm / norm) : 1.0F;
    results->is_skipped = nonfinite > 0 ? 1 : 0;
    scalars->decayed = scalars_of(*step, *results, true);
    scalars->plain = scalars_of(*step, *results, step->decays_vectors != 0);
  };
}

OpBody bind_update(const Binding& b) {
  const BlockLayout layout = make_layout(b.graph, b.op.block);
  const NormPartials partials = norm_partials(layout);
  const auto* scalars = b.read_as<UpdateScalars>(1);
  const std::int64_t first = b.op.first_element;
  const std::int64_t end = first + b.op.reads[0].size.count / size_of(b.dtype());
  const bool is_measured = b.op.writes.size() > b.format.streams.size();
  std::vector<OpBody> bodies;
  for (std::size_t s = 0; s < partials.first_chunk.size(); ++s) {
    const ParameterSlot& slot = layout.slots[s];
    const auto* step = slot.offset < layout.decayed ? &scalars->decayed : &scalars->plain;
    // Elements of the slot; what is measured is cut so that it is still in a cache when it is used.
    const std::int64_t stop = std::min(end - slot.offset, slot.count);
    std::int64_t at = std::max<std::int64_t>(first - slot.offset, 0);
    while (at < stop) {
      const std::int64_t piece_end = (at / kMeasuredPiece + 1) * kMeasuredPiece;
      const std::int64_t next = is_measured ? std::min(stop, piece_end) : stop;
      if (is_measured) bodies.push_back(measure(b, slot, partials.first_chunk[s], {at, next}));
      const std::int64_t offset = slot.offset + at - first;
      bodies.push_back(b.format.precision == Precision::kF32
                           ? update_fp32(b, offset, next - at, step)
                           : update_bf16(b, offset, next - at, step));
      at = next;
    }
  }
  return in_order(std::move(bodies));
}

}  // namespace longhaul
