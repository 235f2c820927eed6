// Qwen3 (Yang et al. 2025): Llama with an RMSNorm of every query and key head before the rotation.

#include "family.h"

namespace longhaul {

Model make_qwen3(const Json& config, DType dtype) {
  const bool has_attention_bias = config.bool_or("attention_bias", false);
  return make_decoder(config,
                      dtype,
                      {.family = "qwen3",
                       .has_qkv_bias = has_attention_bias,
                       .has_output_bias = has_attention_bias,
                       .has_query_key_norm = true,
                       .default_head_dim = 128,
                       .windows = sliding_windows(config, SlidingLayers::kChosen)});
}

}  // namespace longhaul
