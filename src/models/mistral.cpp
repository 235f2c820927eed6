// Mistral 7B (Jiang et al. 2023): Llama with a sliding window over every layer.

#include "family.h"

namespace longhaul {

Model make_mistral(const Json& config, Precision precision) {
  return make_decoder(
      config, precision, {.family = "mistral", .windows = sliding_windows(config, true)});
}

}  // namespace longhaul
