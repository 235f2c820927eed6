// The element-wise work of flash attention between the products of two tiles: Dao et al. 2022,
// algorithms 1 and 4, for one head. A tile has kTile queries or keys on either side; columns
// outside a row's visible range get probability zero. Each call runs on the calling thread.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

inline constexpr std::int64_t kTile = 64;

// One step of the running softmax of kTile queries over a tile of keys:
//
//   m' = max(m, max_c scale * s),   p = exp(scale * s - m'),   f = exp(m - m')
//   l' = f * l + sum_c p,           accumulator row *= f
//
// over the visible columns [first[r], last[r]) of row r; a row that sees nothing stays as it is.
// p is rounded to dtype before it is summed, so that the product with the values and the sum agree.
struct SoftmaxTile {
  const float* scores;        // [kTile, kTile]: s
  void* probabilities;        // [kTile, kTile] of dtype: p
  float* maximum;             // [kTile]: m, -infinity at first
  float* sum;                 // [kTile]: l, 0 at first
  float* accumulator;         // [kTile, head_dim]
  const std::int32_t* first;  // [kTile]
  const std::int32_t* last;   // [kTile]
  std::int64_t head_dim;
  float scale;
  DType dtype;  // fp32 or bf16
};

// The end of the rows: y = accumulator / sum, log_sum_exp = maximum + log(sum).
struct SoftmaxRows {
  const float* accumulator;  // [kTile, head_dim]
  const float* maximum;      // [kTile]
  const float* sum;          // [kTile]
  void* y;                   // [rows, stride] of dtype
  float* log_sum_exp;        // [rows]
  std::int64_t rows;         // at most kTile
  std::int64_t stride;       // elements between rows of y
  std::int64_t head_dim;
  DType dtype;  // fp32 or bf16
};

// Probabilities and gradients of the scores, transposed: rows are keys, columns are queries.
//
//   p[k, r] = exp(scale * s[k, r] - log_sum_exp[r]),   d_s = p * (d_p - delta[r]) * scale
//
// for the visible queries [first[k], last[k]) of key k, zero elsewhere.
struct SoftmaxGradientTile {
  const float* scores;        // [kTile keys, kTile queries]: s
  const float* d_p;           // [kTile, kTile]
  const float* log_sum_exp;   // [kTile queries]
  const float* delta;         // [kTile queries]
  const std::int32_t* first;  // [kTile keys]
  const std::int32_t* last;   // [kTile keys]
  void* probabilities;        // [kTile, kTile] of dtype: p
  void* d_scores;             // [kTile, kTile] of dtype: d_s
  void* d_scores_paired;      // bf16: rows 2i and 2i + 1 of d_s interleaved, [kTile / 2, kTile, 2];
                              // fp32: null
  float scale;
  DType dtype;  // fp32 or bf16
};

// Host bodies only: on a GPU these steps are inside the attention kernel.
struct SoftmaxTileKernels {
  void (*tile)(const SoftmaxTile&, const Launch&);
  void (*rows)(const SoftmaxRows&, const Launch&);
  void (*gradient_tile)(const SoftmaxGradientTile&, const Launch&);
};

// The fastest that this CPU runs.
const SoftmaxTileKernels& softmax_tile_kernels();

LONGHAUL_DECLARE_KERNEL(softmax_tile, SoftmaxTile);
LONGHAUL_DECLARE_KERNEL(softmax_rows, SoftmaxRows);
LONGHAUL_DECLARE_KERNEL(softmax_gradient_tile, SoftmaxGradientTile);

}  // namespace longhaul::kernels
