// Mistral 7B (Jiang et al. 2023): Llama with a sliding window over every layer.

#include "family.h"

namespace longhaul {

Model make_mistral(const Json& config, DType dtype) {
  return make_decoder(
      config,
      dtype,
      {.family = "mistral", .windows = sliding_windows(config, SlidingLayers::kAll)});
}

}  // namespace longhaul
