// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on query, key and value.

#include "family.h"

namespace longhaul {

Model make_qwen2(const Json& config, DType dtype) {
  return make_decoder(config,
                      dtype,
                      {.family = "qwen2",
                       .has_qkv_bias = true,
                       .windows = sliding_windows(config, SlidingLayers::kChosen)});
}

}  // namespace longhaul
