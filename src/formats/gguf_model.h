// What a GGUF file's metadata and tensors say about the model: config.json, and where each tensor
// of transformers comes from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longhaul/core/json.h"

#include "formats/gguf_file.h"
#include "formats/gguf_options.h"
#include "formats/gguf_sources.h"

namespace longhaul {

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

// One architecture each; what they leave in `options` unread is refused by make_gguf_model.
GgufModel make_gguf_llama(const GgufFile& file, GgufOptions& options);
GgufModel make_gguf_qwen2(const GgufFile& file, GgufOptions& options);
GgufModel make_gguf_qwen3(const GgufFile& file, GgufOptions& options);
GgufModel make_gguf_gpt2(const GgufFile& file, GgufOptions& options);

// For them: rows of token_embd.weight; the number of layers, no more than there are tensors.
std::int64_t gguf_vocabulary(const GgufFile& file);
std::int64_t gguf_layers(const GgufFile& file, GgufOptions& options);

}  // namespace longhaul
