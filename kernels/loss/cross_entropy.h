// Cross-entropy of rows of logits against one target each, and its gradient in place:
//
//   loss[r] = log sum_c exp(z[r, c]) - z[r, target[r]]
//   d_z[r, c] = (exp(z[r, c]) / sum_c' exp(z[r, c']) - [c == target[r]]) * scale
//
// A row without a target has loss 0 and gradient 0.
//
// `CrossEntropy` does a tile of rows that holds the whole vocabulary. Where the vocabulary is tiled
// too, per row: `LogSumExpTile` for every tile in order, `CrossEntropyLoss` once, then
// `CrossEntropyGradientTile` for every tile. With one tile the three give the bits of the first.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// targets[r] of a row that has none.
inline constexpr std::int32_t kNoTarget = -1;

// Moves 2 * size_of(dtype) bytes per logit from memory, half of it when forward only; a row is
// read three times, from cache after the first.
struct CrossEntropy {
  void* logits;                 // [rows, vocabulary]; becomes d_logits unless is_forward_only
  const std::int32_t* targets;  // [rows], in [0, vocabulary) or kNoTarget
  const float* scale;           // one number: 1 / target tokens of the optimizer step
  float* loss;                  // [rows]
  std::int64_t rows;
  std::int64_t vocabulary;
  bool is_forward_only;
  DType dtype;  // of logits: fp32 or bf16
};

// Folds columns [first_column, first_column + columns) into the running statistics of each row:
//
//   m' = max(m, max_c z),   s' = s * exp(m - m') + sum_c exp(z - m')
struct LogSumExpTile {
  const void* logits;           // [rows, columns]
  const std::int32_t* targets;  // [rows]
  float* maximum;               // [rows]: m
  float* sum;                   // [rows]: s
  float* target_logit;          // [rows]; set by the tile that holds the target
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t first_column;  // 0 begins: the statistics are written, not read
  DType dtype;                // of logits: fp32 or bf16
};

// loss[r] = log(sum[r]) + (maximum[r] - target_logit[r]), or 0 without a target.
struct CrossEntropyLoss {
  const float* maximum;         // [rows]
  const float* sum;             // [rows]
  const float* target_logit;    // [rows]
  const std::int32_t* targets;  // [rows]
  float* loss;                  // [rows]
  std::int64_t rows;
};

// The gradient of one vocabulary tile, in place.
struct CrossEntropyGradientTile {
  void* logits;                 // [rows, columns]; becomes d_logits
  const std::int32_t* targets;  // [rows]
  const float* maximum;         // [rows], of the whole vocabulary
  const float* sum;             // [rows], of the whole vocabulary
  const float* scale;           // one number
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t first_column;
  DType dtype;  // of logits: fp32 or bf16
};

// Throw InvalidArgument for a negative or empty size, another dtype, or a missing pointer.
void check(const CrossEntropy& args);
void check(const LogSumExpTile& args);
void check(const CrossEntropyLoss& args);
void check(const CrossEntropyGradientTile& args);

LONGHAUL_DECLARE_KERNEL(cross_entropy, CrossEntropy);
LONGHAUL_DECLARE_KERNEL(log_sum_exp_tile, LogSumExpTile);
LONGHAUL_DECLARE_KERNEL(cross_entropy_loss, CrossEntropyLoss);
LONGHAUL_DECLARE_KERNEL(cross_entropy_gradient_tile, CrossEntropyGradientTile);

}  // namespace longhaul::kernels
