#include "trainer.h"

#include <algorithm>
#include <chrono>

#include "longhaul/core/error.h"
#include "longhaul/core/thread_pool.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/run/environment.h"
#include "longhaul/run/resolve.h"
#include "longhaul/runtime/cuda_device.h"
#include "longhaul/train/model_files.h"

#include "listeners.h"
#include "plan_run.h"
#include "summary.h"
#include "text_side.h"
#include "torch_libraries.h"

namespace longhaul {
namespace {

DataSources sources_of(const DataConfig& data) {
  DataSources sources;
  for (const std::string& file : data.train) sources.train.emplace_back(file);
  if (!data.eval.file.empty()) {
    sources.held_out = std::filesystem::path(data.eval.file);
  } else if (data.eval.fraction > 0) {
    sources.held_out = data.eval.fraction;
  }
  return sources;
}

DType dtype_of(Precision precision) {
  return precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
}

}  // namespace

Trainer::Trainer(const RunConfig& requested, TrainObserver& observer, const CallContext& context)
    : config_(resolve(requested, probe_training_environment())),
      observer_(observer),
      context_(context),
      folder_(config_.output, config_.resume),
      source_(config_.model) {
  const std::optional<RunConfig> resumed = folder_.earlier_settings();
  if (resumed && !requested.batch.tokens_per_micro_batch) {
    config_.batch.tokens_per_micro_batch = resumed->batch.tokens_per_micro_batch;
  }
  folder_.check_same_run(config_);
  load_samples();
  make_engine(resumed ? std::vector{*config_.batch.tokens_per_micro_batch}
                      : micro_batches_to_try(requested, config_));
  restore();
  const Json manifest =
      make_manifest(probe_environment(), device_in_words(config_), torch_libraries());
  const Json earlier = folder_.earlier_manifest();
  for (const std::string& change :
       earlier.is_null() ? std::vector<std::string>{} : changed_manifest(earlier, manifest)) {
    context_.log.write(LogLevel::kWarning,
                       "resuming on another kind of machine, numbers may differ: " + change);
  }
  folder_.write_settings(config_, manifest);
  write_text_file(folder_.plan_file(), to_yaml(plan_.plan));
  std::filesystem::remove(folder_.prediction_file());  // of an earlier part of the run
  announce();
  add_listeners();
}

Trainer::~Trainer() = default;

void Trainer::load_samples() {
  observer_.on_progress({"reading the data", 0, 0, "samples"});
  const Model model = make_model(source_, dtype_of(*config_.training.precision));
  TextSide text = load_text_side(config_.model, config_.data.chat_template, model);
  const SampleEncoder encoder(std::move(text.tokenizer),
                              std::move(text.settings),
                              std::move(text.chat_template),
                              config_.data.loss_on);
  if (config_.data.max_length > model.max_positions) {
    throw ConfigError(concat("data.max_length: got ",
                             config_.data.max_length,
                             " tokens, expected at most ",
                             model.max_positions,
                             ", the longest sequence that the model takes"));
  }
  ThreadPool pool(static_cast<int>(*config_.device.threads));
  const LoadRules load_rules{.max_length = config_.data.max_length,
                             .on_bad_sample = config_.data.on_bad_sample,
                             .seed = config_.training.seed};
  data_ = load_data(sources_of(config_.data), encoder, load_rules, pool);
}

void Trainer::pack_samples() {
  const std::int64_t tokens = *config_.batch.tokens_per_micro_batch;
  std::vector<std::int64_t> lengths = lengths_of(data_.train);
  const std::vector<std::int64_t> held_out = lengths_of(data_.held_out);
  const std::int32_t segments =
      std::max(default_max_segments(lengths, tokens), default_max_segments(held_out, tokens));
  rules_ = {.packing = {.tokens = tokens, .max_segments = segments},
            .micro_batches_per_step = config_.batch.tokens_per_step / tokens,
            .seed = config_.training.seed};
  loader_ = std::make_unique<Loader>(data_.train, rules_);

  const std::int64_t steps = config_.training.steps
                                 ? *config_.training.steps
                                 : loader_->steps_in_epochs(*config_.training.epochs);
  schedule_ = learning_rate_schedule(config_.optimizer, steps);
}

// `auto` takes the first of the sizes for which there is a plan.
void Trainer::make_engine(const std::vector<std::int64_t>& sizes) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    config_.batch.tokens_per_micro_batch = sizes[i];
    pack_samples();
    try {
      make_engine();
      return;
    } catch (const DoesNotFit& error) {
      if (i + 1 == sizes.size()) throw;
      context_.log.write(LogLevel::kInfo,
                         concat("with micro-batches of ", sizes[i], " tokens: ", error.what()));
    }
  }
}

void Trainer::make_engine() {
  const Precision precision = *config_.training.precision;
  BatchShape shape{.tokens = rules_.packing.tokens,
                   .max_segments = rules_.packing.max_segments,
                   .positions = rules_.packing.tokens,
                   .micro_batches = static_cast<int>(rules_.micro_batches_per_step)};
  BatchShape evaluation = shape;
  evaluation.micro_batches = 1;
  Model model = make_model(source_, dtype_of(precision));
  tile_head(model.graph, config_.batch.head_tile_rows.value_or(0));
  const std::vector<std::int64_t> lengths = lengths_of(data_.train);
  RunWork work{.training = shape,
               .evaluation = evaluation,
               .sequence = mean_sequence(lengths),
               .micro_batch = typical_micro_batch(lengths, rules_)};
  if (config_.device.kind == DeviceKind::kCuda) {
    work.device_memory = probe_cuda_device(0).free_for_arena();
  }
  plan_ = plan_run(
      config_,
      model.graph,
      std::move(work),
      [&](const Progress& progress) { observer_.on_progress(progress); },
      context_);
  EngineOptions options{.format = adamw_format(precision),
                        .plan = plan_.plan,
                        .passes = {{Pass::kTrain, shape}, {Pass::kEvaluate, evaluation}},
                        .device = *config_.device.kind,
                        .threads = static_cast<int>(*config_.device.threads)};
  if (config_.device.memory) {
    options.caps.bytes[static_cast<std::size_t>(Tier::kDevice)] = *config_.device.memory;
  }
  if (config_.limits.host_memory) {
    options.caps.bytes[static_cast<std::size_t>(Tier::kHost)] = *config_.limits.host_memory;
  }
  for (const DiskLimit& disk : config_.limits.disk) {
    options.disk.push_back({disk.path, disk.capacity});
  }
  engine_ = std::make_unique<Engine>(std::move(model), std::move(options));
}

void Trainer::restore() {
  const auto newest = folder_.newest_checkpoint();
  if (newest) {
    observer_.on_progress({"loading the checkpoint", 0, 0, "tensors"});
    progression_ = load_checkpoint(newest->path, engine_->model(), engine_->states());
    loader_->restore(progression_.position);
    return;
  }
  load_weights(
      source_, engine_->model(), engine_->states(), [&](std::int64_t done, std::int64_t total) {
        observer_.on_progress({"loading the model", done, total, "tensors"});
      });
  progression_.position = loader_->position();
}

void Trainer::announce() {
  observer_.on_start(summarize({.config = config_,
                                .engine = *engine_,
                                .data = data_,
                                .rules = rules_,
                                .plan = plan_,
                                .total_steps = schedule_.total_steps,
                                .steps_done = progression_.step}));
}

void Trainer::add_listeners() {
  listeners_.push_back(make_metrics_listener(folder_, progression_.step, observer_));
  listeners_.push_back(make_lanes_listener(folder_, *engine_));
  if (plan_.judgement && !plan_.machine.empty()) {
    listeners_.push_back(make_prediction_listener(
        {.engine = *engine_, .folder = folder_, .plan = plan_, .observer = observer_}));
  }
  if (data_.held_out.size() > 0) {
    listeners_.push_back(make_evaluation_listener({.engine = *engine_,
                                                   .folder = folder_,
                                                   .held_out = data_.held_out,
                                                   .rules = rules_.packing,
                                                   .every = config_.training.eval_every,
                                                   .steps_done = progression_.step,
                                                   .observer = observer_,
                                                   .stop = context_.stop}));
  }
  listeners_.push_back(make_checkpoint_listener({.engine = *engine_,
                                                 .folder = folder_,
                                                 .config = config_.checkpoint,
                                                 .observer = observer_}));
}

StepScalars Trainer::scalars_for(std::int64_t target_tokens) const {
  StepScalars scalars;
  scalars.adamw = config_.optimizer.adamw;
  scalars.adamw.learning_rate = learning_rate_at(schedule_, progression_.step);
  scalars.powers = advance(progression_.powers, scalars.adamw);
  scalars.max_grad_norm = config_.training.max_grad_norm.value_or(0.0);
  scalars.inverse_target_tokens =
      1.0F / static_cast<float>(std::max<std::int64_t>(target_tokens, 1));
  scalars.decays_vectors = config_.optimizer.decay_norms_and_biases ? 1 : 0;
  return scalars;
}

StepMetrics Trainer::step() {
  const auto start = std::chrono::steady_clock::now();
  StepBatch batch = loader_->next_step();
  while (static_cast<std::int64_t>(batch.micro_batches.size()) < rules_.micro_batches_per_step) {
    batch.micro_batches.push_back(make_micro_batch(data_.train, {}, rules_.packing));
  }
  std::vector<BatchView> views;
  for (const MicroBatch& micro_batch : batch.micro_batches) views.push_back(view_of(micro_batch));
  const StepScalars scalars = scalars_for(batch.target_tokens);

  const StepResults results = engine_->train(views, scalars);

  ++progression_.step;
  progression_.position = loader_->position();
  if (results.is_skipped == 0) progression_.powers = scalars.powers;
  if (results.is_skipped != 0 && config_.training.on_nonfinite == OnNonfinite::kStop) {
    throw Error(concat("step ",
                       progression_.step,
                       ": ",
                       results.nonfinite,
                       " gradient elements are NaN or infinite; ",
                       plan_.plan.update == UpdateTime::kInBackward
                           ? "the weights are spoiled, go on from the last checkpoint. Lower "
                             "optimizer.learning_rate, or take a plan that updates after the "
                             "gradients are checked, with training.on_nonfinite: skip"
                           : "the weights are as before this step. Lower optimizer.learning_rate, "
                             "or set training.on_nonfinite: skip"));
  }
  const auto end = std::chrono::steady_clock::now();
  return {.step = progression_.step,
          .loss = results.loss_sum /
                  static_cast<double>(std::max<std::int64_t>(batch.target_tokens, 1)),
          .grad_norm = results.gradient_norm,
          .learning_rate = scalars.adamw.learning_rate,
          .tokens = batch.sequence_tokens,
          .target_tokens = batch.target_tokens,
          .time = Seconds{std::chrono::duration<double>(end - start).count()}};
}

TrainResult Trainer::run() {
  bool was_interrupted = false;
  while (progression_.step < schedule_.total_steps && !was_interrupted) {
    const StepMetrics metrics = step();
    observer_.on_timeline(
        metrics.step, engine_->last_schedule().schedule, engine_->last_timeline());
    was_interrupted = context_.stop.load() && progression_.step < schedule_.total_steps;
    const bool is_last = was_interrupted || progression_.step == schedule_.total_steps;
    for (const auto& listener : listeners_) listener->after_step({metrics, progression_, is_last});
  }
  TrainResult result{.steps = progression_.step, .was_interrupted = was_interrupted};
  if (const auto newest = folder_.newest_checkpoint()) result.checkpoint_folder = newest->path;
  if (!was_interrupted) {
    save_model(folder_.model_folder(), source_, engine_->model(), engine_->states());
    result.model_folder = folder_.model_folder();
  }
  return result;
}

}  // namespace longhaul
