#include "longhaul/run/propose.h"

#include <algorithm>
#include <filesystem>

#include "longhaul/core/thread_pool.h"
#include "longhaul/run/resolve.h"
#include "longhaul/run/run_data.h"
#include "longhaul/run/run_folder.h"
#include "longhaul/text/tokenizer.h"
#include "longhaul/text/tokenizer_settings.h"

namespace longhaul {
namespace {

constexpr std::int64_t kLeastHeldOut = 5;  // samples: fewer say little
constexpr std::int64_t kLeastStepsPerEpoch = 20;
constexpr std::int64_t kLeastStep = 256;  // tokens

bool has_template(const RunConfig& config) {
  const std::filesystem::path folder = find_model_folder(config.model);
  const Tokenizer tokenizer = load_tokenizer(folder);
  return load_tokenizer_settings(folder, tokenizer).find_chat_template() != nullptr;
}

std::int64_t choose_tokens_per_step(std::int64_t usual,
                                    std::int64_t max_length,
                                    std::int64_t tokens_per_epoch) {
  std::int64_t tokens = usual;
  while (tokens / 2 >= std::max(max_length, kLeastStep) &&
         tokens_per_epoch / tokens < kLeastStepsPerEpoch) {
    tokens /= 2;
  }
  return tokens;
}

}  // namespace

Proposal propose_run(const std::string& model,
                     const std::vector<std::string>& data,
                     const std::string& output,
                     const Environment& environment) {
  RunConfig config;
  config.model = model;
  config.output = output;
  config.data.train = data;
  const Model graph = load_model_graph(resolve(config, environment));
  config.data.max_length = std::min(config.data.max_length, graph.max_positions);
  if (!has_template(config)) config.data.chat_template = "chatml";

  RunConfig trial = resolve(config, environment);
  trial.data.eval = {};
  trial.data.on_bad_sample = OnBadSample::kSkip;
  ThreadPool pool(environment.cores);
  const LoadedData loaded = load_run_data(trial, graph, pool).data;

  const std::vector<FileReport>& files = loaded.files;
  const auto is_text = [](const FileReport& file) { return file.shape == SampleShape::kText; };
  const auto has_bad = [](const FileReport& file) { return file.bad > 0; };
  if (std::all_of(files.begin(), files.end(), is_text)) config.data.chat_template.reset();
  if (std::any_of(files.begin(), files.end(), has_bad)) {
    config.data.on_bad_sample = OnBadSample::kSkip;
  }
  const auto share = static_cast<double>(loaded.train.size()) * config.data.eval.fraction;
  if (share < static_cast<double>(kLeastHeldOut)) config.data.eval = {};
  config.batch.tokens_per_step = choose_tokens_per_step(
      config.batch.tokens_per_step, config.data.max_length, loaded.train.tokens());
  return {config, files};
}

}  // namespace longhaul
