// Llama 1 to 3.2 (Touvron et al. 2023; Dubey et al. 2024) and everything published in its form,
// such as SmolLM2.

#include "family.h"

namespace longhaul {

Model make_llama(const Json& config, DType dtype) {
  allow_number(config, "pretraining_tp", 1);
  const bool has_attention_bias = config.bool_or("attention_bias", false);
  return make_decoder(config,
                      dtype,
                      {.family = "llama",
                       .has_qkv_bias = has_attention_bias,
                       .has_output_bias = has_attention_bias,
                       .has_mlp_bias = config.bool_or("mlp_bias", false)});
}

}  // namespace longhaul
