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

}  // namespace

OpBody bind_fill(const Binding& b) {
  std::vector<OpBody> fills;
  for (std::size_t i = 0; i < b.op.writes.size(); ++i) {
    fills.push_back(call(b,
                         b.kernels.fill_zero,
                         kernels::FillZero{.y = b.write(i), .bytes = b.op.writes[i].size.count}));
  }
  return [fills = std::move(fills)] {
    for (const OpBody& fill : fills) fill();
  };
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
  return call(b,
              b.kernels.finish_accumulation,
              kernels::FinishAccumulation{.accumulator = b.read_as<float>(0),
                                          .gradient = b.read(1),
                                          .tied = b.read_as<float>(2),
                                          .transport = b.write(0),
                                          .count = b.op.writes[0].size.count / size_of(b.dtype()),
                                          .dtype = b.dtype()});
}

OpBody bind_gradient_norm(const Binding& b) {
  const BlockLayout layout = make_layout(b.graph, b.op.block);
  const NormPartials partials = norm_partials(layout);
  auto* sums = b.write_as<double>(0);
  auto* nonfinite = reinterpret_cast<std::int64_t*>(sums + partials.chunks);
  std::vector<OpBody> slots;
  for (std::size_t s = 0; s < partials.first_chunk.size(); ++s) {
    const ParameterSlot& slot = layout.slots[s];
    slots.push_back(call(b,
                         b.kernels.sum_of_squares,
                         kernels::SumOfSquares{.x = b.read(0) + slot.offset * size_of(b.dtype()),
                                               .sums = sums + partials.first_chunk[s],
                                               .nonfinite = nonfinite + partials.first_chunk[s],
                                               .count = slot.count,
                                               .dtype = b.dtype()}));
  }
  return [slots = std::move(slots)] {
    for (const OpBody& slot : slots) slot();
  };
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
  const auto* scalars = b.read_as<UpdateScalars>(1);
  const std::int64_t first = b.op.first_element;
  const std::int64_t end = first + b.op.reads[0].size.count / size_of(b.dtype());
  std::vector<OpBody> slots;
  for (const ParameterSlot& slot : layout.slots) {
    const std::int64_t begin = std::max(first, slot.offset);
    const std::int64_t count = std::min(end, slot.offset + slot.count) - begin;
    if (slot.offset >= layout.trainable || count <= 0) continue;
    const std::int64_t at = begin - first;
    const auto* step = slot.offset < layout.decayed ? &scalars->decayed : &scalars->plain;
    if (b.format.precision == Precision::kF32) {
      slots.push_back(call(b,
                           b.kernels.adamw_fp32,
                           kernels::AdamWFp32{.weight = b.write_as<float>(0) + at,
                                              .momentum = b.write_as<float>(1) + at,
                                              .variance = b.write_as<float>(2) + at,
                                              .gradient = b.read_as<float>(0) + at,
                                              .scalars = step,
                                              .count = count}));
      continue;
    }
    slots.push_back(call(b,
                         b.kernels.adamw_bf16,
                         kernels::AdamWBf16{.weight = b.write_as<std::uint16_t>(0) + at,
                                            .remainder = b.write_as<std::int16_t>(1) + at,
                                            .momentum = b.write_as<float>(2) + at,
                                            .variance = b.write_as<float>(3) + at,
                                            .gradient = b.read_as<std::uint16_t>(0) + at,
                                            .scalars = step,
                                            .count = count}));
  }
  return [slots = std::move(slots)] {
    for (const OpBody& slot : slots) slot();
  };
}

}  // namespace longhaul
