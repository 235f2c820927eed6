#include "longhaul/train/model_files.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "longhaul/core/error.h"

#include "dither.h"

namespace longhaul {
namespace {

// A parameter as a matrix: rows and columns in the graph's layout.
struct Extent {
  std::int64_t rows;
  std::int64_t columns;
  bool is_vector;
};

Extent extent_of(const Tensor& parameter) {
  const bool is_vector = parameter.shape.size() == 1;
  return {parameter.shape[0].factor, is_vector ? 1 : parameter.shape[1].factor, is_vector};
}

std::vector<std::int64_t> stored_shape(const ParameterSource& source, const Extent& extent) {
  if (extent.is_vector) return {source.stored_rows};
  if (source.is_transposed) return {extent.columns, source.stored_rows};
  return {source.stored_rows, extent.columns};
}

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) text += concat(text.size() > 1 ? ", " : "", size);
  return text + "]";
}

void check_shapes(const ModelFolder& folder, const Model& model) {
  for (const ParameterSource& source : model.sources) {
    const TensorSpec& spec = folder.at(source.name);
    const std::vector<std::int64_t> expected =
        stored_shape(source, extent_of(model.graph[source.parameter]));
    if (spec.shape == expected) continue;
    throw FormatError(concat(folder.place_of(source.name),
                             ": got shape ",
                             text_of(spec.shape),
                             ", expected ",
                             text_of(expected),
                             " from config.json"));
  }
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Tensors that older checkpoints store and no model reads as a parameter: constants, and a second
// copy of a tied table.
bool is_harmless(std::string_view name, const Model& model) {
  const bool is_gpt2 = model.family == "gpt2";
  return ends_with(name, ".rotary_emb.inv_freq") || name == "lm_head.weight" ||
         (is_gpt2 && (ends_with(name, ".attn.bias") || ends_with(name, ".attn.masked_bias")));
}

// A tensor that the graph does not hold means that config.json describes another model.
void check_nothing_is_left_out(const ModelFolder& folder, const Model& model) {
  std::set<std::string_view> known;
  for (const ParameterSource& source : model.sources) known.insert(folder.at(source.name).name);
  for (const TensorSpec& spec : folder.tensors()) {
    if (known.contains(spec.name) || is_harmless(spec.name, model)) continue;
    throw FormatError(concat(folder.path().string(),
                             ": tensor ",
                             spec.name,
                             " has no place in the ",
                             model.family,
                             " model that config.json describes"));
  }
}

// The parameter's rows out of a stored [in, stored_rows] matrix, or back into it.
struct Transposed {
  const ParameterSource& source;
  Extent extent;
  std::size_t element;

  template <class Copy>
  void for_each(Copy copy) const {
    for (std::int64_t r = 0; r < extent.rows; ++r) {
      for (std::int64_t c = 0; c < extent.columns; ++c) {
        const std::int64_t stored = c * source.stored_rows + source.first_row + r;
        copy(static_cast<std::size_t>(stored) * element,
             static_cast<std::size_t>(r * extent.columns + c) * element);
      }
    }
  }
};

std::vector<float> read_parameter(const ModelFolder& folder,
                                  const ParameterSource& source,
                                  const Extent& extent) {
  std::vector<float> values(static_cast<std::size_t>(extent.rows * extent.columns));
  if (!source.is_transposed || extent.is_vector) {
    folder.read(source.name,
                DType::kF32,
                std::as_writable_bytes(std::span(values)),
                {source.first_row, extent.rows});
    return values;
  }
  std::vector<float> stored(static_cast<std::size_t>(extent.columns * source.stored_rows));
  folder.read(source.name, DType::kF32, std::as_writable_bytes(std::span(stored)));
  Transposed{source, extent, 1}.for_each(
      [&](std::size_t from, std::size_t to) { values[to] = stored[from]; });
  return values;
}

// The stored tensors with the parameters that make them up, in the order of the graph.
struct OutputTensor {
  TensorSpec spec;
  std::vector<const ParameterSource*> parts;
};

std::vector<OutputTensor> output_tensors(const Model& model, DType dtype) {
  std::vector<OutputTensor> outputs;
  for (const ParameterSource& source : model.sources) {
    const auto same = std::find_if(outputs.begin(), outputs.end(), [&](const OutputTensor& output) {
      return output.spec.name == source.name;
    });
    if (same != outputs.end()) {
      same->parts.push_back(&source);
      continue;
    }
    const Extent extent = extent_of(model.graph[source.parameter]);
    outputs.push_back({{source.name, dtype, stored_shape(source, extent)}, {&source}});
  }
  return outputs;
}

void fill_output(const OutputTensor& output,
                 const Model& model,
                 StateStore& states,
                 std::span<std::byte> bytes) {
  const auto element = static_cast<std::size_t>(size_of(output.spec.dtype));
  for (const ParameterSource* source : output.parts) {
    const Extent extent = extent_of(model.graph[source->parameter]);
    const std::size_t count = static_cast<std::size_t>(extent.rows * extent.columns) * element;
    if (!source->is_transposed || extent.is_vector) {
      const auto offset = static_cast<std::size_t>(source->first_row * extent.columns) * element;
      states.read_weight(source->parameter, bytes.subspan(offset, count));
      continue;
    }
    std::vector<std::byte> weight(count);
    states.read_weight(source->parameter, weight);
    Transposed{*source, extent, element}.for_each([&](std::size_t to, std::size_t from) {
      std::memcpy(bytes.data() + to, weight.data() + from, element);
    });
  }
}

// config.json with the dtype of the written weights, under the key that it had.
std::string config_with_dtype(const Json& config, DType dtype) {
  const char* name = dtype == DType::kF32 ? "float32" : "bfloat16";
  Json::Members members = config.members();
  bool is_named = false;
  for (auto& [key, value] : members) {
    if (key != "torch_dtype" && key != "dtype") continue;
    value = Json(name);
    is_named = true;
  }
  if (!is_named) members.emplace_back("torch_dtype", Json(name));
  return Json::make_object(members).dump(2) + "\n";
}

}  // namespace

Model make_model(const ModelFolder& folder, DType dtype) {
  Model model = make_model(folder.config(), dtype);
  check_shapes(folder, model);
  check_nothing_is_left_out(folder, model);
  return model;
}

void load_weights(const ModelFolder& folder,
                  const Model& model,
                  StateStore& states,
                  const TensorProgress& on_tensor) {
  check_shapes(folder, model);
  const StateFormat& format = states.format();
  const bool is_trained_in_bf16 = format.weight() == DType::kBF16 && format.streams.size() > 1;
  std::int64_t done = 0;
  for (const ParameterSource& source : model.sources) {
    const Extent extent = extent_of(model.graph[source.parameter]);
    std::vector<float> values = read_parameter(folder, source, extent);
    check_finite(DType::kF32, std::as_bytes(std::span(values)), folder.place_of(source.name));
    if (is_trained_in_bf16) dither_masters(values, source.parameter.index());
    states.write_master(source.parameter, values);
    if (on_tensor) on_tensor(++done, static_cast<std::int64_t>(model.sources.size()));
  }
}

void save_model(const std::filesystem::path& target,
                const ModelFolder& source,
                const Model& model,
                StateStore& states) {
  const std::vector<OutputTensor> outputs = output_tensors(model, states.format().weight());
  ModelFolderContent content;
  content.config = config_with_dtype(source.config(), states.format().weight());
  content.companions_from = source.path();
  content.companions = source.companions();
  std::map<std::string, const OutputTensor*> by_name;
  for (const OutputTensor& output : outputs) {
    content.tensors.push_back(output.spec);
    by_name[output.spec.name] = &output;
  }
  write_model_folder(
      target,
      content,
      [&](const TensorSpec& spec, std::span<std::byte> bytes) {
        fill_output(*by_name.at(spec.name), model, states, bytes);
      },
      IfExists::kReplace);
}

}  // namespace longhaul
