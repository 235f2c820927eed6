// Optimizers as data: which streams of numbers belong to every parameter, and in which dtype they
// are stored. A stream of a block is one array over all parameters of the block.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longhaul/core/dtype.h"

namespace longhaul {

enum class Precision : std::uint8_t { kF32, kBF16 };

struct StateStream {
  std::string name;  // "weight", "remainder", "momentum", "variance"
  DType dtype = DType::kF32;
};

// The order of streams is the order in which the update reads them; "weight" comes first.
struct StateFormat {
  Precision precision = Precision::kF32;
  std::vector<StateStream> streams;

  DType weight() const { return streams.front().dtype; }
  // Gradients travel, and are held, in the dtype of the weights.
  DType transport() const { return weight(); }
};

// AdamW. fp32: weight, momentum, variance (12 bytes a parameter). bf16: weight, remainder,
// momentum, variance (12 bytes a parameter; master = (weight << 16) + remainder, exact for every
// pattern).
StateFormat adamw_format(Precision precision);

}  // namespace longhaul
