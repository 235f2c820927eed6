#include "longhaul/train/checkpoint.h"

#include <fstream>
#include <iterator>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/formats/safetensors.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/atomic_folder.h"

namespace longhaul {
namespace {

constexpr const char* kStatesFile = "states.safetensors";
constexpr const char* kProgressFile = "progress.json";
constexpr int kVersion = 1;

// One fp32 array of the file.
struct Array {
  TensorId parameter;
  std::string stream;  // "master", "momentum", "variance"
};

std::vector<Array> arrays_of(const Model& model) {
  std::vector<Array> arrays;
  for (const ParameterSource& source : model.sources) {
    arrays.push_back({source.parameter, "master"});
    if (!model.graph[source.parameter].is_trainable) continue;
    arrays.push_back({source.parameter, "momentum"});
    arrays.push_back({source.parameter, "variance"});
  }
  return arrays;
}

TensorSpec spec_of(const Model& model, const Array& array) {
  const Tensor& parameter = model.graph[array.parameter];
  TensorSpec spec{parameter.name + "." + array.stream, DType::kF32, {}};
  for (const Dim& dim : parameter.shape) spec.shape.push_back(dim.factor);
  return spec;
}

void read_array(StateStore& states, const Array& array, std::span<float> values) {
  if (array.stream == "master") {
    states.read_master(array.parameter, values);
  } else {
    states.read_moment(array.parameter, array.stream.c_str(), values);
  }
}

void write_array(StateStore& states, const Array& array, std::span<const float> values) {
  if (array.stream == "master") {
    states.write_master(array.parameter, values);
  } else {
    states.write_moment(array.parameter, array.stream.c_str(), values);
  }
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError(path.string(), "cannot be opened");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

void save_checkpoint(const std::filesystem::path& folder,
                     const Model& model,
                     StateStore& states,
                     const Progression& progression,
                     FileOps& files) {
  AtomicFolder target(folder, IfExists::kReplace, files);
  const std::vector<Array> arrays = arrays_of(model);
  std::vector<TensorSpec> specs;
  specs.reserve(arrays.size());
  for (const Array& array : arrays) specs.push_back(spec_of(model, array));
  FileWriter out(target.path() / kStatesFile, files);
  SafetensorsWriter writer(out, specs);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    std::vector<float> values(static_cast<std::size_t>(element_count(specs[i])));
    read_array(states, arrays[i], values);
    writer.append(std::as_bytes(std::span(values)));
  }
  writer.finish();
  out.close();
  const Json progress = Json::make_object({{"version", Json(kVersion)},
                                           {"step", Json(progression.step)},
                                           {"beta1_power", Json(progression.powers.beta1)},
                                           {"beta2_power", Json(progression.powers.beta2)},
                                           {"loader", to_json(progression.position)}});
  FileWriter text(target.path() / kProgressFile, files);
  text.append(progress.dump(2) + "\n");
  text.close();
  target.commit();
}

Progression load_checkpoint(const std::filesystem::path& folder,
                            const Model& model,
                            StateStore& states) {
  const std::string progress_file = (folder / kProgressFile).string();
  const Json progress = Json::parse(read_text(progress_file), progress_file);
  if (progress.as_int("version") != kVersion) {
    throw FormatError(concat(progress.at("version").where(),
                             ": got ",
                             progress.as_int("version"),
                             ", expected ",
                             kVersion));
  }
  const SafetensorsFile file(folder / kStatesFile);
  std::map<std::string, const StoredTensor*> stored;
  for (const StoredTensor& tensor : file.tensors()) stored[tensor.spec.name] = &tensor;
  const std::vector<Array> arrays = arrays_of(model);
  for (const Array& array : arrays) {
    const TensorSpec spec = spec_of(model, array);
    const auto found = stored.find(spec.name);
    if (found == stored.end() || found->second->spec.shape != spec.shape ||
        found->second->spec.dtype != DType::kF32) {
      throw FormatError(concat(file.path().string(),
                               ": tensor ",
                               spec.name,
                               " is missing or has another shape: a checkpoint of another model"));
    }
    std::vector<float> values(static_cast<std::size_t>(element_count(spec)));
    file.read(*found->second, DType::kF32, std::as_writable_bytes(std::span(values)));
    write_array(states, array, values);
  }
  return {.step = progress.as_int("step"),
          .powers = {progress.as_double("beta1_power"), progress.as_double("beta2_power")},
          .position = parse_loader_position(progress.at("loader"))};
}

}  // namespace longhaul
