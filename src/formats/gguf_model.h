// What a GGUF file's metadata and tensors say about the model: config.json, and where each tensor
// of transformers comes from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longhaul/core/json.h"

#include "formats/gguf_file.h"

namespace longhaul {

struct GgufSource {
  // How the stored matrix differs from the one of transformers.
  enum class Order : std::uint8_t {
    kSame,
    kInterleavedHeads,  // rows of each head: (0, h/2), (1, h/2 + 1), ... instead of 0, 1, 2, ...
    kTransposed,
  };

  const GgufTensor* tensor;
  std::string name;  // in transformers
  Order order = Order::kSame;
  std::int64_t heads = 0;  // of interleaved rows
};

struct GgufModel {
  std::string architecture;
  std::int64_t context = 0;     // longest sequence
  std::int64_t vocabulary = 0;  // rows of the embedding
  Json::Members config;         // all but the ids of special tokens and the dtype
  std::vector<GgufSource> sources;
};

// Throws FormatError that names the file and the key or tensor: unknown architectures, options and
// tensors, missing tensors, shapes that do not fit. Nothing is guessed.
GgufModel make_gguf_model(const GgufFile& file);

}  // namespace longhaul
