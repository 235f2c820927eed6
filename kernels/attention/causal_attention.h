// Causal attention over packed segments. A token attends to the tokens of its own segment up to
// itself, at most `window` of them:
//
//   s[h, i, j] = scale * sum_d q[i, h, d] * k[j, g, d],   g = h / (heads / kv_heads)
//   lse[h, i]  = log sum_j exp(s[h, i, j])
//   y[i, h, d] = sum_j exp(s[h, i, j] - lse[h, i]) * v[j, g, d]
//
// A reference, which is the oracle of all bodies, and the CUDA body. The host's body is in `ops`,
// where LibTorch's products are.
#pragma once

#include <cstdint>

#include "longhaul/core/dtype.h"

#include "kernels/launch.h"

namespace longhaul::kernels {

struct CausalAttentionForward {
  const void* q;                 // [tokens, heads, head_dim]
  const void* k;                 // [tokens, kv_heads, head_dim]
  const void* v;                 // [tokens, kv_heads, head_dim]
  const std::int32_t* segments;  // [segment_count + 1]: 0, first tokens in order, tokens
  void* y;                       // [tokens, heads, head_dim]
  float* lse;                    // [heads, tokens]
  std::int64_t tokens;
  std::int64_t segment_count;  // segments may be empty
  std::int64_t heads;          // a multiple of kv_heads
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t window;  // keys attended to, the token's own included; 0: all
  float scale;
  DType dtype;  // of q, k, v, y: fp32 or bf16
};

// With p = exp(s - lse), d_p[h, i, j] = sum_d d_y[i, h, d] * v[j, g, d],
// delta[h, i] = sum_d d_y[i, h, d] * y[i, h, d], d_s = p * (d_p - delta) * scale:
//
//   d_q[i, h] = sum_j d_s * k[j, g],   d_k[j, g] = sum_{i, h} d_s * q[i, h],
//   d_v[j, g] = sum_{i, h} p * d_y[i, h]
struct CausalAttentionBackward {
  CausalAttentionForward forward;  // y and lse as the forward left them
  const void* d_y;                 // [tokens, heads, head_dim]
  void* d_q;                       // [tokens, heads, head_dim]
  void* d_k;                       // [tokens, kv_heads, head_dim]
  void* d_v;                       // [tokens, kv_heads, head_dim]
  float* delta = nullptr;          // [heads, tokens]: scratch of the CUDA body
};

// The largest head_dim of the CUDA body, which pads dims to multiples of 16 in shared memory.
inline constexpr std::int64_t kMostCudaHeadDim = 256;

// Throws InvalidArgument for an empty size, heads that kv_heads does not divide, a negative window,
// another dtype, or a missing pointer.
void check(const CausalAttentionForward& args);
// What the CUDA body of the backward refuses too: a head_dim above kMostCudaHeadDim, no delta.
void check(const CausalAttentionBackward& args);

// Sums in fp64, on one thread; O(tokens^2) time, no scratch.
void causal_attention_forward_reference(const CausalAttentionForward& args);
void causal_attention_backward_reference(const CausalAttentionBackward& args);

// Probabilities, and the gradients of scores, are rounded to dtype before they are multiplied;
// sums are fp32. Bits depend on a segment's length and on sizes alone. Only with CUDA.
void causal_attention_forward_cuda(const CausalAttentionForward& args, const Launch& launch);
void causal_attention_backward_cuda(const CausalAttentionBackward& args, const Launch& launch);

}  // namespace longhaul::kernels
