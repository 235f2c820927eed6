// What the families share: how a decoder of the Llama kind is built from a few choices, and how
// options are refused. Private to models.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/graph/builder.h"
#include "longhaul/models/model.h"

namespace longhaul {

// Throws FormatError `source: key: got X, expected ...` unless the member is missing, null or one
// of the allowed values.
void allow(const Json& config,
           std::string_view key,
           std::initializer_list<std::string_view> values);
void allow(const Json& config, std::string_view key, bool value);
void allow_number(const Json& config, std::string_view key, double value);

// A required size; FormatError unless it is in [1, 2^31).
std::int64_t size_at(const Json& config, std::string_view key);
// The same for a number of layers, each of which takes memory before any weight is read: at most
// 10,000.
std::int64_t layers_at(const Json& config, std::string_view key);
std::int64_t size_or(const Json& config, std::string_view key, std::int64_t fallback);

// Rows of the head's tiles: logits of one tile take at most 64 MiB.
std::int64_t head_tile_tokens(std::int64_t vocabulary, DType dtype);

// Choices of a decoder of the Llama kind: RMSNorm before attention and MLP, rotary positions,
// grouped queries, SwiGLU.
struct DecoderOptions {
  std::string family;
  bool has_qkv_bias = false;
  bool has_output_bias = false;
  bool has_mlp_bias = false;
  bool has_query_key_norm = false;
  double default_rope_theta = 10000.0;
  std::int64_t default_head_dim = 0;  // 0: hidden_size / heads
  std::vector<std::int64_t> windows;  // per layer; 0 sees everything
};

Model make_decoder(const Json& config, DType dtype, const DecoderOptions& options);

// Per layer: its window, 0 where it sees everything, as transformers reads it: a sliding_window
// that is missing means 4096, null means none. kAll: wherever there is a window (Mistral); kChosen:
// use_sliding_window, layer_types and max_window_layers decide (Qwen). Throws FormatError where
// layer_types says something else.
enum class SlidingLayers { kAll, kChosen };
std::vector<std::int64_t> sliding_windows(const Json& config, SlidingLayers which);

// Frequencies of a rotary embedding over `dim` elements of a head, with the scaling of
// rope_parameters (transformers 5) or rope_theta and rope_scaling (before).
std::vector<float> rotary_frequencies(const Json& config, std::int64_t dim, double default_theta);

Model make_llama(const Json& config, DType dtype);
Model make_mistral(const Json& config, DType dtype);
Model make_qwen2(const Json& config, DType dtype);
Model make_qwen3(const Json& config, DType dtype);
Model make_gpt2(const Json& config, DType dtype);

}  // namespace longhaul
