// A golden model folder (tests/golden/README.md) as plain values, read without the library's own
// safetensors code, and batches of its sequences packed by hand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/train/engine.h"

namespace longhaul::test {

struct GoldenTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using GoldenTensors = std::map<std::string, GoldenTensor>;

struct GoldenModel {
  Json config;
  Json expected;
  GoldenTensors weights;
  GoldenTensors numbers;  // expected.safetensors
};

std::vector<std::string> golden_model_names();
GoldenModel load_golden_model(const std::string& name);

// Owns what a BatchView refers to.
struct PackedBatch {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> sorted_order;
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> positions_order;
  std::vector<std::int32_t> targets;
  std::vector<std::int32_t> segment_offsets;
  std::int64_t target_tokens = 0;

  BatchView view() const {
    return {ids, sorted_order, positions, positions_order, targets, segment_offsets};
  }
};

// Sequences [begin, end) of a batch, end to end, and an untargeted tail.
PackedBatch pack(const Json& batch, std::size_t begin, std::size_t end, const BatchShape& shape);

// The parameter in the form of the graph, taken from the checkpoint's tensors: transposed and cut.
std::vector<float> parameter_of(const GoldenTensors& tensors,
                                const std::string& prefix,
                                const ParameterSource& source,
                                const ModelGraph& graph);

// Writes every weight of the checkpoint into the engine.
void load_weights(Engine& engine, const GoldenTensors& weights);

}  // namespace longhaul::test
