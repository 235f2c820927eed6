#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/formats/gguf.h"
#include "longhaul/formats/model_folder.h"

#include "formats/gguf_file.h"
#include "formats/gguf_model.h"
#include "formats/gguf_tokenizer.h"

namespace longhaul {
namespace {

// True when the fp32 tensor survives a round trip through `narrow`.
bool is_exact_in(const GgufFile& file, const GgufTensor& tensor, DType narrow) {
  std::vector<float> values(static_cast<std::size_t>(tensor.elements));
  file.read(tensor, DType::kF32, std::as_writable_bytes(std::span(values)));
  return std::all_of(values.begin(), values.end(), [narrow](float value) {
    const float back = narrow == DType::kF16 ? from_f16(to_f16(value)) : from_bf16(to_bf16(value));
    return back == value;
  });
}

// See the header: the narrowest dtype that rounds nothing. A file of half-precision matrices holds
// its norms in fp32, as a rule with the values of the original half precision.
DType choose_dtype(const GgufFile& file, const std::vector<GgufSource>& sources) {
  std::optional<DType> narrow;
  for (const GgufSource& source : sources) {
    if (source.tensor->type == GgmlType::kF32) continue;
    const DType exact = exact_dtype(source.tensor->type);
    if (exact == DType::kF32 || (narrow && *narrow != exact)) return DType::kF32;
    narrow = exact;
  }
  if (!narrow) return DType::kF32;
  const bool is_exact = std::all_of(sources.begin(), sources.end(), [&](const GgufSource& source) {
    return source.tensor->type != GgmlType::kF32 || is_exact_in(file, *source.tensor, *narrow);
  });
  return is_exact ? *narrow : DType::kF32;
}

// Rows of one head arrive as pairs (i, i + half); they leave as the first half, then the second.
void restore_heads(std::span<const std::byte> in,
                   std::span<std::byte> out,
                   std::int64_t heads,
                   std::int64_t rows) {
  const std::size_t row_bytes = in.size() / static_cast<std::size_t>(rows);
  const std::int64_t per_head = rows / heads;
  const std::int64_t half = per_head / 2;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t in_head = row % per_head;
    const std::int64_t target = row - in_head + in_head % 2 * half + in_head / 2;
    std::memcpy(out.data() + static_cast<std::size_t>(target) * row_bytes,
                in.data() + static_cast<std::size_t>(row) * row_bytes,
                row_bytes);
  }
}

void transpose(std::span<const std::byte> in,
               std::span<std::byte> out,
               std::int64_t rows,
               std::int64_t columns,
               std::size_t element) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      std::memcpy(out.data() + static_cast<std::size_t>(column * rows + row) * element,
                  in.data() + static_cast<std::size_t>(row * columns + column) * element,
                  element);
    }
  }
}

TensorSpec spec_of(const GgufSource& source, DType dtype) {
  TensorSpec spec{source.name, dtype, source.tensor->shape};
  if (source.order == GgufSource::Order::kTransposed) std::swap(spec.shape[0], spec.shape[1]);
  return spec;
}

void fill(const GgufFile& file, const GgufSource& source, DType dtype, std::span<std::byte> out) {
  const std::vector<std::int64_t>& shape = source.tensor->shape;
  if (source.order == GgufSource::Order::kSame) {
    file.read(*source.tensor, dtype, out);
  } else {
    std::vector<std::byte> stored(out.size());
    file.read(*source.tensor, dtype, stored);
    if (source.order == GgufSource::Order::kInterleavedHeads) {
      restore_heads(stored, out, source.heads, shape[0]);
    } else {
      transpose(stored, out, shape[0], shape[1], static_cast<std::size_t>(size_of(dtype)));
    }
  }
  check_finite(dtype, out, concat(file.path().string(), ": tensor ", source.tensor->name));
}

void add_ids(Json::Members& members, const GgufTokenizer& tokenizer, bool with_stop) {
  if (tokenizer.bos) members.emplace_back("bos_token_id", *tokenizer.bos);
  if (tokenizer.eos) {
    const bool is_list = with_stop && tokenizer.stop && tokenizer.stop != tokenizer.eos;
    members.emplace_back("eos_token_id",
                         is_list ? Json::make_array({Json(*tokenizer.eos), Json(*tokenizer.stop)})
                                 : Json(*tokenizer.eos));
  }
  if (tokenizer.pad) members.emplace_back("pad_token_id", *tokenizer.pad);
}

std::string_view torch_name(DType dtype) {
  if (dtype == DType::kF16) return "float16";
  return dtype == DType::kBF16 ? "bfloat16" : "float32";
}

}  // namespace

GgufConversion convert_gguf(const std::filesystem::path& file,
                            const std::filesystem::path& folder,
                            const GgufConversionOptions& options,
                            FileOps& files) {
  const GgufFile gguf(file, files);
  const GgufModel model = make_gguf_model(gguf);
  GgufTokenizer tokenizer = make_gguf_tokenizer(gguf.metadata(), model.context);
  if (tokenizer.tokens > model.vocabulary) {
    throw FormatError(concat(file.string(),
                             ": tokenizer.ggml.tokens: has ",
                             tokenizer.tokens,
                             " tokens, but the embedding ",
                             model.vocabulary,
                             " rows"));
  }
  GgufConversion result{model.architecture, choose_dtype(gguf, model.sources), 0, model.vocabulary};

  ModelFolderContent content;
  Json::Members config = model.config;
  add_ids(config, tokenizer, /*with_stop=*/false);
  config.emplace_back("torch_dtype", torch_name(result.dtype));
  content.config = Json::make_object(config).dump(2) + "\n";
  Json::Members generation;
  add_ids(generation, tokenizer, /*with_stop=*/true);
  content.texts = std::move(tokenizer.texts);
  content.texts["generation_config.json"] = Json::make_object(generation).dump(2) + "\n";
  for (const GgufSource& source : model.sources) {
    content.tensors.push_back(spec_of(source, result.dtype));
    result.parameters += source.tensor->elements;
  }

  std::int64_t done = 0;
  auto next = model.sources.begin();
  const auto fill_next = [&](const TensorSpec& spec, std::span<std::byte> out) {
    fill(gguf, *next++, result.dtype, out);
    done += element_count(spec);
    if (options.on_progress) options.on_progress(done, result.parameters);
  };
  write_model_folder(folder, content, fill_next, options.if_exists, files);
  return result;
}

}  // namespace longhaul
