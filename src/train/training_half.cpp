#include "longhaul/run/training_half.h"

#include <algorithm>

#include "longhaul/core/thread_pool.h"
#include "longhaul/data/load.h"
#include "longhaul/formats/model_folder.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/profiler/measure.h"
#include "longhaul/run/resolve.h"
#include "longhaul/run/run_folder.h"
#include "longhaul/train/model_files.h"

#include "evaluator.h"
#include "generator.h"
#include "plan_run.h"
#include "text_side.h"
#include "torch_libraries.h"
#include "trainer.h"

namespace longhaul {
namespace {

class TorchTrainingHalf final : public TrainingHalf {
 public:
  std::vector<std::string> libraries() const override { return torch_libraries(); }

  TrainResult train(const RunConfig& config,
                    TrainObserver& observer,
                    const CallContext& context) override {
    return Trainer(config, observer, context).run();
  }

  Evaluation evaluate(const RunConfig& requested,
                      const std::function<void(const Progress&)>& on_progress,
                      const CallContext& context) override {
    const RunConfig config = resolve(requested, probe_training_environment());
    const ModelFolder folder(find_model_folder(config.model));
    const Precision precision = *config.training.precision;
    const Model model =
        make_model(folder, precision == Precision::kF32 ? DType::kF32 : DType::kBF16);
    TextSide text = load_text_side(folder.path(), config.data.chat_template, model);
    const SampleEncoder encoder(std::move(text.tokenizer),
                                std::move(text.settings),
                                std::move(text.chat_template),
                                config.data.loss_on);
    const auto threads = static_cast<int>(*config.device.threads);
    ThreadPool pool(threads);
    const LoadedData data = load_data(
        {.train = {config.data.eval.file}},
        encoder,
        {.max_length = config.data.max_length, .on_bad_sample = config.data.on_bad_sample},
        pool);
    const std::int64_t tokens = *config.batch.tokens_per_micro_batch;
    const PackingRules rules{.tokens = tokens,
                             .max_segments = default_max_segments(lengths_of(data.train), tokens)};
    const BatchShape shape{
        .tokens = rules.tokens, .max_segments = rules.max_segments, .positions = rules.tokens};
    Engine engine(model,
                  {.format = {precision, {adamw_format(precision).streams.front()}},
                   .plan = resident_plan(),
                   .passes = {{Pass::kEvaluate, shape}},
                   .device = *config.device.kind,
                   .threads = threads});
    load_weights(folder, model, engine.states(), [&](std::int64_t done, std::int64_t total) {
      if (on_progress) on_progress({"loading the model", done, total, "tensors"});
    });
    return evaluate_dataset(
        engine,
        data.train,
        rules,
        [&](std::int64_t done, std::int64_t total) {
          if (on_progress) on_progress({"evaluating", done, total, "micro-batches"});
        },
        context.stop);
  }

  std::unique_ptr<TextGenerator> load_generator(
      const RunConfig& config,
      const std::function<void(const Progress&)>& on_progress,
      const CallContext& context) override {
    return make_generator(resolve(config, probe_training_environment()), on_progress, context);
  }

  HardwareProfile profile(const ProfileRequest& request,
                          const std::function<void(const Progress&)>& on_progress,
                          const CallContext& context) override {
    return measure_machine(request, on_progress, context);
  }

  ModelTimes profile_model(const RunConfig& config,
                           const std::function<void(const Progress&)>& on_progress,
                           const CallContext& context) override {
    return measure_run_model(resolve(config, probe_training_environment()), on_progress, context);
  }
};

}  // namespace
}  // namespace longhaul

extern "C" LONGHAUL_VISIBLE longhaul::TrainingHalf* longhaul_make_training_half() {
  return new longhaul::TorchTrainingHalf;
}

extern "C" LONGHAUL_VISIBLE const char* longhaul_training_half_version() {
  return LONGHAUL_VERSION;
}
