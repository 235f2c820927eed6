#include "longhaul/run/run_data.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/data/packing.h"
#include "longhaul/formats/model_folder.h"
#include "longhaul/run/run_folder.h"

namespace longhaul {
namespace {

DataSources sources_of(const DataConfig& data) {
  DataSources sources;
  sources.train.assign(data.train.begin(), data.train.end());
  if (!data.eval.file.empty()) {
    sources.held_out = std::filesystem::path(data.eval.file);
  } else if (data.eval.fraction > 0) {
    sources.held_out = data.eval.fraction;
  }
  return sources;
}

// Training and evaluation share one shape.
PackingRules packing_of(const LoadedData& data, std::int64_t tokens) {
  const std::int32_t segments = std::max(default_max_segments(lengths_of(data.train), tokens),
                                         default_max_segments(lengths_of(data.held_out), tokens));
  return {.tokens = tokens, .max_segments = segments};
}

}  // namespace

SampleEncoder make_encoder(const RunConfig& config, const Model& model) {
  const std::filesystem::path folder = find_model_folder(config.model);
  Tokenizer tokenizer = load_tokenizer(folder);
  if (tokenizer.vocabulary_size() > model.vocabulary) {
    throw FormatError(concat((folder / "tokenizer.json").string(),
                             ": got ids up to ",
                             tokenizer.vocabulary_size() - 1,
                             ", expected less than ",
                             model.vocabulary,
                             ", the vocabulary of the model"));
  }
  TokenizerSettings settings = load_tokenizer_settings(folder, tokenizer);
  std::optional<ChatTemplate> chosen = choose_chat_template(settings, config.data.chat_template);
  return {std::move(tokenizer), std::move(settings), std::move(chosen), config.data.loss_on};
}

RunData load_run_data(const RunConfig& resolved, const Model& model, ThreadPool& pool) {
  if (resolved.data.max_length > model.max_positions) {
    throw ConfigError(concat("data.max_length: got ",
                             resolved.data.max_length,
                             " tokens, expected at most ",
                             model.max_positions,
                             ", the longest sequence that the model takes"));
  }
  SampleEncoder encoder = make_encoder(resolved, model);
  LoadedData data = load_data(sources_of(resolved.data),
                              encoder,
                              {.max_length = resolved.data.max_length,
                               .on_bad_sample = resolved.data.on_bad_sample,
                               .seed = resolved.training.seed},
                              pool);
  const std::int64_t tokens = *resolved.batch.tokens_per_micro_batch;
  const LoaderRules rules{.packing = packing_of(data, tokens),
                          .micro_batches_per_step = resolved.batch.tokens_per_step / tokens,
                          .seed = resolved.training.seed};
  return {std::move(encoder), std::move(data), rules};
}

Model load_model_graph(const RunConfig& resolved) {
  const DType dtype = *resolved.training.precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
  return make_model(ModelFolder(find_model_folder(resolved.model)).config(), dtype);
}

}  // namespace longhaul
