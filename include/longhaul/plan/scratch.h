// Bytes of temporaries that the body of an op needs, by formula. The bodies take their temporaries
// from exactly this range and fail when it is too small, so the formulas are tested against them.
#pragma once

#include <cstdint>

#include "longhaul/core/units.h"
#include "longhaul/graph/block_layout.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

// Temporaries of one library product of a tile, per thread. LibTorch 2.11 (oneDNN 3.x) asked for
// at most 0.4 MiB at K = 2,048 and grows with the rows of the tile it copies.
inline constexpr Bytes kProductScratch = 1_MiB;
// Output tiles of products hold at most this many rows.
inline constexpr std::int64_t kProductTileRows = 256;
// Output tiles of a head's weight gradient: rows of the vocabulary.
inline constexpr std::int64_t kHeadTileRows = 512;
// Elements whose squares are summed into one partial sum of the gradient norm.
inline constexpr std::int64_t kNormChunkElements = 65536;

// Of an op of `kind` on `node` with `workers` threads.
Bytes scratch_bytes(
    const ModelGraph& graph, const Node& node, OpKind kind, const BatchShape& shape, int workers);

// Where each slot's partial sums of squares begin in the record that a kGradientNorm op writes: a
// double and an int64 per chunk, all doubles first.
struct NormPartials {
  std::vector<std::int64_t> first_chunk;  // per slot of the layout; frozen slots have none
  std::int64_t chunks = 0;
};
NormPartials norm_partials(const BlockLayout& layout);
Bytes norm_partials_bytes(const BlockLayout& layout);

// What a kClip op writes for the updates: scalars with and without weight decay.
inline constexpr Bytes kUpdateScalars{256};

}  // namespace longhaul
