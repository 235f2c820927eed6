// Attention of one new token over the keys and values of the tokens so far, itself included:
//
//   s[h, j] = scale * sum_d q[h, d] * keys[j, g, d],   g = h / (heads / kv_heads)
//   y[h, d] = sum_j softmax_j(s[h, j]) * values[j, g, d]
//
// for j in [first, length), first = max(0, length - window), or 0 without a window.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

// Keys are cut into chunks of this many; each gives a maximum, a sum and a weighted sum of values,
// and the chunks are combined in index order (Dao et al. 2022, algorithm 1).
inline constexpr std::int64_t kKeysPerChunk = 256;

// Reads 2 * size_of(dtype) * kv_heads * head_dim bytes per attended key.
struct CachedAttention {
  const void* q;       // [heads, head_dim]
  const void* keys;    // [length, kv_heads, head_dim]
  const void* values;  // [length, kv_heads, head_dim]
  void* y;             // [heads, head_dim]; may alias q
  float* scratch;      // cached_attention_scratch bytes
  std::int64_t length;
  std::int64_t heads;  // a multiple of kv_heads
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t window;  // keys attended to, the token's own included; 0: all
  float scale;
  DType dtype;  // of q, keys, values, y: fp32 or bf16
  // For a CUDA body, which cannot be told the length when it is enqueued: the number of the token
  // on the device, and its key and value [kv_heads, head_dim], which are stored in that row first.
  // `length` is then the number of rows that there are; y is NaN for a token beyond them.
  const std::int32_t* position = nullptr;
  const void* new_key = nullptr;
  const void* new_value = nullptr;
};

// Bytes of CachedAttention::scratch for any length up to `length`:
// fp32 [heads, chunks of keys, head_dim + 2].
std::int64_t cached_attention_scratch(std::int64_t length,
                                      std::int64_t heads,
                                      std::int64_t head_dim);

// Throws InvalidArgument for an empty size, heads that kv_heads does not divide, a negative
// window, another dtype, or a missing pointer.
void check(const CachedAttention& args);

LONGHAUL_DECLARE_KERNEL(cached_attention, CachedAttention);

}  // namespace longhaul::kernels
