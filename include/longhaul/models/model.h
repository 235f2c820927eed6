// A family turns a model's config.json into a graph and the names of its parameters in the
// checkpoint. Whatever a configuration asks for that the graph would not compute is refused by
// name: never a silently wrong forward.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longhaul/core/dtype.h"
#include "longhaul/core/json.h"
#include "longhaul/graph/model_graph.h"

namespace longhaul {

// Where a parameter is stored in the checkpoint: rows [first_row, first_row + rows) of the stored
// tensor, after transposition where it is stored as [in, out].
struct ParameterSource {
  TensorId parameter;
  std::string name;  // with the prefix that transformers writes
  std::int64_t first_row = 0;
  std::int64_t stored_rows = 0;  // of the whole stored tensor, after transposition
  bool is_transposed = false;
};

// The constants cos(p * f_i) and sin(p * f_i) of a graph, [positions, rotary_dim / 2].
struct RotaryTables {
  TensorId cosines;
  TensorId sines;
  std::vector<float> frequencies;  // f_i in radians per position, after scaling
};

struct Model {
  std::string family;  // "llama", "gpt2", ...
  ModelGraph graph;
  std::vector<ParameterSource> sources;  // one per parameter of the graph
  std::vector<RotaryTables> rotary;      // none where positions are learned
  std::int64_t vocabulary = 0;
  std::int64_t max_positions = 0;  // longest sequence the model can be given
};

// `config` is the parsed config.json; `dtype` that of parameters and activations, fp32 or bf16.
// Throws FormatError that names the key and the file when the
// model_type or an option is not supported, with the list of what is.
Model make_model(const Json& config, DType dtype);

// "gpt2, llama, mistral, qwen2, qwen3"
std::string supported_families();

// Row-major [positions, frequencies], rounded as transformers does: the angle is an fp32 product.
std::vector<float> rotary_cosines(const RotaryTables& tables, std::int64_t positions);
std::vector<float> rotary_sines(const RotaryTables& tables, std::int64_t positions);

}  // namespace longhaul
