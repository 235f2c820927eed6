// Small matrix products in fp32 accumulation, kTile on a side or so: the inner loops of attention.
// LibTorch's brgemm where the CPU has it, a plain loop elsewhere. Runs on the calling thread.
#pragma once

#include <cstdint>

#include <ATen/native/CPUBlas.h>

#include "longhaul/core/dtype.h"

namespace longhaul {

// The second operand in the layout that the product reads: bf16 pairs rows 2i and 2i + 1 element by
// element ([k / 2, n, 2]), fp32 stays row-major [k, n].
// c [m, n] (+)= a [m, k] b [k, n]; k even; lda, ldc: elements between rows; b has no gaps.
struct TileProduct {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
  std::int64_t lda;
  std::int64_t ldc;
  bool accumulates;
};

void tile_product(const TileProduct& shape, const float* a, const float* b, float* c);
void tile_product(const TileProduct& shape, const at::BFloat16* a, const at::BFloat16* b, float* c);

// Gives back what the products of this thread hold in the CPU (AMX tiles).
void release_tile_products();

}  // namespace longhaul
