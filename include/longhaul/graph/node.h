// Kinds of nodes. A node is its kind's attributes plus its operands; the order of the operands is
// stated beside each kind and is the contract with the op bodies.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "longhaul/core/ids.h"

namespace longhaul {

// y = table[ids].  (ids, sorted_order, table) -> (y [tokens, width])
struct Embedding {
  std::int64_t rows = 0;
  std::int64_t width = 0;
};

// y = a + b.  (a, b) -> (y), all [tokens, width]
struct Add {
  std::int64_t width = 0;
};

// Zhang & Sennrich 2019, eq. 4, over the last `width` values of each row; a row of the tensor may
// hold several groups (query/key norm: one per head).
// (x [tokens, groups * width], gain [width]) -> (y like x, rstd [tokens, groups])
struct RmsNorm {
  std::int64_t width = 0;
  std::int64_t groups = 1;
  float epsilon = 0.0F;
};

// Ba, Kiros & Hinton 2016.  (x [tokens, width], gain, bias) -> (y, mean [tokens], rstd [tokens])
struct LayerNorm {
  std::int64_t width = 0;
  float epsilon = 0.0F;
};

// y = x W^T (+ b).  (x [tokens, in], weight [out, in] [, bias [out]]) -> (y [tokens, out])
struct Linear {
  std::int64_t in = 0;
  std::int64_t out = 0;
  bool has_bias = false;
};

// Su et al. 2021 in the rotate-half form: element i of a head pairs with i + rotary_dim / 2.
// (x [tokens, heads * head_dim], cos [positions, rotary_dim / 2], sin, positions [tokens]) -> (y)
struct Rotary {
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t rotary_dim = 0;
};

// Causal softmax attention within segments; key/value heads are shared by heads / kv_heads query
// heads. A token sees the last `window` tokens including itself; 0: all.
// (q [tokens, heads * head_dim], k [tokens, kv_heads * head_dim], v, segment_offsets)
//   -> (y [tokens, heads * head_dim], log_sum_exp [heads, tokens])
struct Attention {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t window = 0;
  float scale = 0.0F;
};

// y = silu(gate) * up (Shazeer 2020).  (gate, up) -> (y), all [tokens, width]
struct Swiglu {
  std::int64_t width = 0;
};

// Hendrycks & Gimpel 2016; tanh form or the exact one.  (x) -> (y), both [tokens, width]
struct Gelu {
  std::int64_t width = 0;
  bool is_tanh = true;
};

// Head and cross-entropy in tiles of `tile_tokens` rows: logits never exist as a whole. In training
// the gradients of hidden and weight are produced together with the loss.
// (hidden [tokens, width], weight [rows, width], targets [tokens]) -> (losses [tokens] fp32)
struct HeadLoss {
  std::int64_t rows = 0;  // vocabulary
  std::int64_t width = 0;
  std::int64_t tile_tokens = 256;
  std::int64_t tile_rows = 0;  // above 0: in tiles of so many rows of the vocabulary instead
};

using NodeKind = std::
    variant<Embedding, Add, RmsNorm, LayerNorm, Linear, Rotary, Attention, Swiglu, Gelu, HeadLoss>;

struct Node {
  std::string name;
  NodeKind kind;
  BlockId block;
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
};

template <class Kind>
bool is(const Node& node) {
  return std::holds_alternative<Kind>(node.kind);
}

// "embedding", "rms_norm", "linear", ...
const char* kind_name(const Node& node);

}  // namespace longhaul
