#include "generator.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/formats/model_folder.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/run/run_folder.h"
#include "longhaul/train/engine.h"
#include "longhaul/train/model_files.h"

#include "sampling.h"
#include "text_side.h"

namespace longhaul {
namespace {

using Clock = std::chrono::steady_clock;

// Rows of the caches where the model would take more; longer conversations are refused.
constexpr std::int64_t kMostPositions = 8192;
// Prompts are padded to the next of these lengths.
constexpr std::array<std::int64_t, 3> kPromptLengths{64, 512, 2048};

Seconds since(Clock::time_point start) {
  return Seconds{std::chrono::duration<double>(Clock::now() - start).count()};
}

EngineOptions options_for(const RunConfig& config, std::int64_t positions) {
  const Precision precision = *config.training.precision;
  EngineOptions options{.format = {precision, {adamw_format(precision).streams.front()}},
                        .plan = resident_plan(),
                        .device = *config.device.kind,
                        .threads = static_cast<int>(*config.device.threads)};
  const BatchShape token{.tokens = 1, .max_segments = 1, .positions = positions};
  options.passes.push_back({Pass::kDecode, token});
  const auto add_prefill = [&](std::int64_t tokens) {
    options.passes.push_back(
        {Pass::kPrefill, {.tokens = tokens, .max_segments = 2, .positions = positions}});
  };
  for (const std::int64_t tokens : kPromptLengths) {
    if (tokens < positions) add_prefill(tokens);
  }
  add_prefill(positions);
  return options;
}

// A prompt as segment 0 of a batch; the rest is padding in segment 1.
MicroBatch prompt_batch(const std::vector<TokenId>& prompt, std::int64_t tokens) {
  MicroBatch batch;
  batch.ids = prompt;
  batch.ids.resize(static_cast<std::size_t>(tokens), 0);
  const auto length = static_cast<std::int32_t>(prompt.size());
  for (std::int32_t t = 0; t < tokens; ++t) {
    batch.positions.push_back(t < length ? t : t - length);
  }
  batch.segment_offsets = {0, length, static_cast<std::int32_t>(tokens)};
  return batch;
}

class Generator final : public TextGenerator {
 public:
  Generator(const RunConfig& config,
            const std::function<void(const Progress&)>& on_progress,
            const CallContext& context)
      : context_(context),
        folder_(find_model_folder(config.model)),
        model_(make_model(
            folder_, *config.training.precision == Precision::kF32 ? DType::kF32 : DType::kBF16)),
        text_(load_text_side(folder_.path(), config.data.chat_template, model_)),
        positions_(std::min(model_.max_positions, kMostPositions)),
        engine_(model_, options_for(config, positions_)) {
    load_weights(folder_, model_, engine_.states(), [&](std::int64_t done, std::int64_t total) {
      if (on_progress) on_progress({"loading the model", done, total, "tensors"});
    });
  }

  bool has_chat_template() const override { return text_.chat_template.has_value(); }

  Generation generate(const Prompt& prompt,
                      const SamplingOptions& options,
                      const std::function<void(std::string_view)>& on_text) override {
    const std::vector<TokenId> ids = encode(prompt);
    const auto length = static_cast<std::int64_t>(ids.size());
    require(length > 0, "generate: the prompt has no token");
    require(length < positions_,
            "generate: the prompt has ",
            length,
            " tokens, expected less than ",
            positions_);
    Generation generation{.prompt_tokens = length};
    Clock::time_point start = Clock::now();
    std::vector<float> logits = prefill(ids);
    generation.prompt_time = since(start);
    start = Clock::now();
    StreamingDecoder decoder(text_.tokenizer);
    const auto say = [&](const std::string& piece) {
      generation.text += piece;
      if (on_text && !piece.empty()) on_text(piece);
    };
    const std::int64_t most = std::min(options.max_new_tokens, positions_ - length);
    for (std::int64_t i = 0; i < most && !context_.stop.load(); ++i) {
      const std::int32_t token = choose_token(logits, options, i);
      generation.reached_end = is_stop(token);
      if (generation.reached_end) break;
      ++generation.new_tokens;
      say(decoder.push(token));
      if (i + 1 < most) logits = engine_.decode(token, static_cast<std::int32_t>(length + i));
    }
    say(decoder.finish());
    generation.generate_time = since(start);
    return generation;
  }

 private:
  std::vector<TokenId> encode(const Prompt& prompt) const {
    if (prompt.messages.empty()) {
      return text_.tokenizer.encode(prompt.text, SpecialTokens::kAdd);
    }
    if (!text_.chat_template) {
      throw FormatError(concat(folder_.path().string(),
                               ": the model has no chat template; set data.chat_template"));
    }
    RenderOptions options{.add_generation_prompt = true};
    for (const auto& [name, token] : text_.settings.named_tokens) {
      options.variables.emplace_back(name, Json(token));
    }
    return text_.tokenizer.encode(text_.chat_template->render(prompt.messages, options).text,
                                  SpecialTokens::kNone);
  }

  std::vector<float> prefill(const std::vector<TokenId>& ids) {
    std::int64_t tokens = positions_;
    for (const std::int64_t bucket : kPromptLengths) {
      if (static_cast<std::int64_t>(ids.size()) <= bucket && bucket < tokens) tokens = bucket;
    }
    const MicroBatch batch = prompt_batch(ids, tokens);
    return engine_.prefill(view_of(batch));
  }

  bool is_stop(std::int32_t token) const {
    const std::vector<TokenId>& stop = text_.settings.stop;
    return std::find(stop.begin(), stop.end(), token) != stop.end();
  }

  const CallContext context_;
  ModelFolder folder_;
  Model model_;
  TextSide text_;
  std::int64_t positions_;
  Engine engine_;
};

}  // namespace

std::unique_ptr<TextGenerator> make_generator(
    const RunConfig& config,
    const std::function<void(const Progress&)>& on_progress,
    const CallContext& context) {
  return std::make_unique<Generator>(config, on_progress, context);
}

}  // namespace longhaul
