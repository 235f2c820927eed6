// How computations are cut: constants of a run, because the cut decides bits. Nothing here may
// depend on a plan, on the number of threads or on the machine's speed.
#pragma once

#include <cstdint>

#include "longhaul/core/units.h"

namespace longhaul {

// Output tiles of products hold at most this many rows.
inline constexpr std::int64_t kProductTileRows = 256;
// Output tiles of a head's weight gradient: rows of the vocabulary.
inline constexpr std::int64_t kHeadTileRows = 512;
// The same where several token tiles are summed.
inline constexpr std::int64_t kHeadSumRows = 64;
// Elements whose squares are summed into one partial sum of the gradient norm.
inline constexpr std::int64_t kNormChunkElements = 65536;
// Workspace of a product on a GPU, which decides between algorithms. Without a split of K little is
// needed; LibTorch gives its cuBLASLt 1 MiB.
inline constexpr Bytes kCudaProductScratch = 4_MiB;

}  // namespace longhaul
