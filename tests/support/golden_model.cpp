#include "support/golden_model.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numeric>

#include "longhaul/core/error.h"

namespace longhaul::test {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), path, ": cannot be opened");
  return {std::istreambuf_iterator<char>(in), {}};
}

GoldenTensors read_tensors(const std::string& path) {
  const std::string file = read_file(path);
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  const Json header = Json::parse(std::string_view(file).substr(8, length), path);
  GoldenTensors tensors;
  for (const auto& [name, entry] : header.members()) {
    if (name == "__metadata__") continue;
    require(entry.as_string("dtype") == "F32", path, ": ", name, " is not fp32");
    GoldenTensor& tensor = tensors[name];
    for (const Json& size : entry.at("shape").elements()) tensor.shape.push_back(size.as_int());
    const Json range = entry.at("data_offsets");
    const auto begin = static_cast<std::size_t>(range.at(std::size_t{0}).as_int());
    const auto end = static_cast<std::size_t>(range.at(std::size_t{1}).as_int());
    tensor.values.resize((end - begin) / 4);
    std::memcpy(tensor.values.data(), file.data() + 8 + length + begin, end - begin);
  }
  return tensors;
}

// Tokens sorted by (key, token).
std::vector<std::int32_t> order_of(const std::vector<std::int32_t>& keys) {
  std::vector<std::int32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
  });
  return order;
}

}  // namespace

std::vector<std::string> golden_model_names() {
  return {"gpt2",
          "llama_rope_linear",
          "llama_rope_linear_old",
          "llama_rope_llama3",
          "llama_tied",
          "mistral",
          "qwen2",
          "qwen3"};
}

GoldenModel load_golden_model(const std::string& name) {
  const std::string folder = std::string(LONGHAUL_SOURCE_DIR) + "/tests/golden/models/" + name;
  const auto json = [&](const char* file) {
    const std::string path = folder + "/" + file;
    return Json::parse(read_file(path), path);
  };
  return {json("config.json"),
          json("expected.json"),
          read_tensors(folder + "/model.safetensors"),
          read_tensors(folder + "/expected.safetensors")};
}

PackedBatch pack(const Json& batch, std::size_t begin, std::size_t end, const BatchShape& shape) {
  PackedBatch packed;
  packed.segment_offsets.push_back(0);
  const auto end_segment = [&] {
    packed.segment_offsets.push_back(static_cast<std::int32_t>(packed.ids.size()));
  };
  const Json sequences = batch.at("sequences");
  for (std::size_t s = begin; s < end; ++s) {
    const Json tokens = sequences.at(s).at("tokens");
    const Json labels = sequences.at(s).at("labels");
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      packed.ids.push_back(static_cast<std::int32_t>(tokens.at(t).as_int()));
      packed.positions.push_back(static_cast<std::int32_t>(t));
      const std::int64_t label = t + 1 < tokens.size() ? labels.at(t + 1).as_int() : -100;
      packed.targets.push_back(label < 0 ? -1 : static_cast<std::int32_t>(label));
      packed.target_tokens += label < 0 ? 0 : 1;
    }
    end_segment();
  }
  const auto tokens = static_cast<std::size_t>(shape.tokens);
  require(packed.ids.size() <= tokens, "pack: ", packed.ids.size(), " tokens do not fit");
  for (std::int32_t p = 0; packed.ids.size() < tokens; ++p) {
    packed.ids.push_back(0);
    packed.positions.push_back(p);
    packed.targets.push_back(-1);
  }
  while (packed.segment_offsets.size() < static_cast<std::size_t>(shape.max_segments) + 1) {
    end_segment();
  }
  packed.sorted_order = order_of(packed.ids);
  packed.positions_order = order_of(packed.positions);
  return packed;
}

std::vector<float> parameter_of(const GoldenTensors& tensors,
                                const std::string& prefix,
                                const ParameterSource& source,
                                const ModelGraph& graph) {
  const GoldenTensor& stored = tensors.at(prefix + source.name);
  const Tensor& parameter = graph[source.parameter];
  const std::int64_t rows = parameter.shape.front().factor;
  const std::int64_t columns = parameter.shape.size() > 1 ? parameter.shape[1].factor : 1;
  std::vector<float> values;
  for (std::int64_t r = source.first_row; r < source.first_row + rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const std::int64_t index =
          source.is_transposed ? c * source.stored_rows + r : r * columns + c;
      values.push_back(stored.values.at(static_cast<std::size_t>(index)));
    }
  }
  return values;
}

void load_weights(Engine& engine, const GoldenTensors& weights) {
  const Model& model = engine.model();
  for (const ParameterSource& source : model.sources) {
    const std::vector<float> values = parameter_of(weights, "", source, model.graph);
    engine.states().write_master(source.parameter, values);
  }
}

}  // namespace longhaul::test
