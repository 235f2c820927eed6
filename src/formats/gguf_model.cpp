#include "formats/gguf_model.h"

#include <array>
#include <string_view>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

struct Architecture {
  std::string_view name;
  GgufModel (*make)(const GgufFile&, GgufOptions&);
};

constexpr std::array<Architecture, 4> kArchitectures = {{{"llama", make_gguf_llama},
                                                         {"qwen2", make_gguf_qwen2},
                                                         {"qwen3", make_gguf_qwen3},
                                                         {"gpt2", make_gguf_gpt2}}};

}  // namespace

std::int64_t gguf_vocabulary(const GgufFile& file) {
  const GgufTensor* embedding = file.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    throw FormatError(concat(file.path().string(), ": has no matrix token_embd.weight"));
  }
  return embedding->shape[0];
}

std::int64_t gguf_layers(const GgufFile& file, GgufOptions& options) {
  const std::int64_t layers = options.size("block_count");
  if (layers > static_cast<std::int64_t>(file.tensors().size())) {
    throw FormatError(concat(options.find("block_count").where(),
                             ": got ",
                             layers,
                             " for ",
                             file.tensors().size(),
                             " tensors"));
  }
  return layers;
}

GgufModel make_gguf_model(const GgufFile& file) {
  const Json& metadata = file.metadata();
  if (const Json parts = metadata.find("split.count"); !parts.is_null() && parts.as_int() > 1) {
    throw FormatError(concat(
        parts.where(), ": this is one of ", parts.as_int(), " files of a model; join them first"));
  }
  const Json name = metadata.at("general.architecture");
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name.as_string()) {
      GgufOptions options(metadata, name.as_string());
      GgufModel model = architecture.make(file, options);
      options.refuse_others();
      return model;
    }
    known += concat(known.empty() ? "" : ", ", architecture.name);
  }
  throw FormatError(concat(name.where(),
                           ": architecture \"",
                           name.as_string(),
                           "\" is not supported, expected one of ",
                           known));
}

}  // namespace longhaul
