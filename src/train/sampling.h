// The next token from logits.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/run/training_half.h"

namespace longhaul {

// Greedy where options.temperature is 0: the first of the largest. Else a draw from
// softmax(logits / temperature) restricted to the top_k most likely and to the smallest set whose
// probability reaches top_p (Holtzman et al. 2020); the draw depends on (seed, index) alone.
std::int32_t choose_token(const std::vector<float>& logits,
                          const SamplingOptions& options,
                          std::int64_t index);

}  // namespace longhaul
