// Rows of a table chosen by ids, and the gradient of the table.
//
// Ids must be rows of the table: the loader validates them, kernels do not read them twice.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// y[t] = table[ids[t]]. Moves 2 * size_of(dtype) bytes per element of y.
struct EmbeddingForward {
  const void* table;        // [rows of the table, width]
  const std::int32_t* ids;  // [tokens]
  void* y;                  // [tokens, width]
  std::int64_t tokens;
  std::int64_t width;
  DType dtype;  // of table and y: fp32 or bf16
};

// For every id that occurs: d_table[id] += round_to(dtype)(sum of d_y over its tokens in token
// order). Sums and the addition are fp32; the result is rounded once to table_dtype. Rows of ids
// that do not occur are not touched. All bodies give the same bits.
//
// Moves size_of(dtype) bytes per element of d_y and 2 * size_of(table_dtype) per element of a row
// that is used.
struct EmbeddingBackward {
  const void* d_y;            // [tokens, width]
  const std::int32_t* ids;    // [tokens]
  const std::int32_t* order;  // [tokens]: tokens sorted by (id, token)
  void* d_table;              // [rows of the table, width]
  std::int64_t tokens;
  std::int64_t width;
  DType dtype;        // of d_y, and what a micro-batch's sum is rounded to: fp32 or bf16
  DType table_dtype;  // of d_table: dtype or fp32
};

// Throw InvalidArgument for a negative or empty size, another dtype, or a missing pointer.
void check(const EmbeddingForward& args);
void check(const EmbeddingBackward& args);

LONGHAUL_DECLARE_KERNEL(embedding_forward, EmbeddingForward);
LONGHAUL_DECLARE_KERNEL(embedding_backward, EmbeddingBackward);

}  // namespace longhaul::kernels
