#include "probe.h"

namespace longhaul {

Model make_probe(const Probe& probe, Precision precision, int layers) {
  const Json config = Json::make_object({{"model_type", "llama"},
                                         {"hidden_size", probe.width},
                                         {"num_attention_heads", probe.heads},
                                         {"num_key_value_heads", probe.kv_heads},
                                         {"intermediate_size", probe.mlp},
                                         {"num_hidden_layers", layers},
                                         {"vocab_size", probe.vocabulary},
                                         {"max_position_embeddings", 8192},
                                         {"hidden_act", "silu"},
                                         {"rms_norm_eps", 1e-5},
                                         {"rope_theta", 10000.0},
                                         {"tie_word_embeddings", true}},
                                        "probe");
  return make_model(config, precision == Precision::kF32 ? DType::kF32 : DType::kBF16);
}

}  // namespace longhaul
