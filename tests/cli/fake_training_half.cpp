// A training half without LibTorch: the behaviour of the program around it can be tested without a
// model. The model's name says what to do.
#include <chrono>
#include <fstream>
#include <new>
#include <stdexcept>
#include <thread>

#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/run/resolve.h"
#include "longhaul/run/training_half.h"

namespace longhaul {
namespace {

RunSummary summary_of(const RunConfig& config) {
  return {
      .family = "llama",
      .parameters = 134515008,
      .trainable_parameters = 134515008,
      .states = {{"weight", "bf16", Bytes{269030016}}, {"remainder", "int16", Bytes{269030016}}},
      .training_samples = 1200,
      .held_out_samples = 60,
      .dropped_samples = 3,
      .fill_rate = 0.974,
      .total_steps = config.training.steps.value_or(4),
      .resumed_from = config.model == "resumed" ? 2 : 0,
      .device = "host, 2 threads",
      .memory = {{"weights", 256_MiB}, {"saved tensors", 768_MiB}},
      .plan = {"auto", "weights: 100 % device"},
      .config = config};
}

StepMetrics metrics_of(std::int64_t step) {
  return {.step = step,
          .loss = 2.0 / static_cast<double>(step),
          .grad_norm = 1.25,
          .learning_rate = 2e-5,
          .tokens = 8000,
          .target_tokens = 4000,
          .time = {2.0}};
}

class FakeGenerator final : public TextGenerator {
 public:
  explicit FakeGenerator(bool has_template) : has_template_(has_template) {}
  bool has_chat_template() const override { return has_template_; }

  Generation generate(const Prompt& prompt,
                      const SamplingOptions& options,
                      const std::function<void(std::string_view)>& on_text) override {
    Generation generation{.text = prompt.text};
    for (const Message& message : prompt.messages) {
      generation.text += concat("[", message.role, "] ", message.content.as_string(), " ");
    }
    generation.text += concat("seed ", options.seed, " temperature ", options.temperature);
    for (const char c : generation.text) on_text(std::string_view(&c, 1));
    return generation;
  }

 private:
  bool has_template_;
};

class FakeHalf final : public TrainingHalf {
 public:
  std::vector<std::string> libraries() const override { return {"FakeTorch 1.0"}; }

  TrainResult train(const RunConfig& requested,
                    TrainObserver& observer,
                    const CallContext& context) override {
    const RunConfig config = resolve(requested, probe_environment());
    misbehave(config.model);
    context.log.write(LogLevel::kWarning, "this is no real training");
    observer.on_progress({"loading the model", 1, 2, "tensors"});
    observer.on_start(summary_of(config));
    const std::int64_t steps = config.training.steps.value_or(4);
    Schedule schedule;
    schedule.add({.kind = OpKind::kForward});
    for (std::int64_t step = 1; step <= steps; ++step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      observer.on_timeline(step, schedule, {.ops = {{{0.0}, {0.001}}}});
      observer.on_step(metrics_of(step));
      if (context.stop) {
        return {.steps = step, .was_interrupted = true, .checkpoint_folder = "checkpoints/step"};
      }
    }
    observer.on_prediction(
        {.predicted = {{1.0}, {Seconds{0.9}}}, .measured = {{2.0}, {Seconds{1.9}}}},
        "measure again");
    observer.on_evaluation(steps, evaluation());
    observer.on_checkpoint(steps, "out/checkpoints/step-4");
    return {.steps = steps, .model_folder = "out/model"};
  }

  Evaluation evaluate(const RunConfig& config,
                      const std::function<void(const Progress&)>& on_progress,
                      const CallContext& /*context*/) override {
    misbehave(config.model);
    on_progress({"evaluating", 1, 2, "micro-batches"});
    if (config.data.eval.file.empty()) throw Error("no file");
    Evaluation result = evaluation();
    result.samples = static_cast<std::int64_t>(config.data.eval.file.size());
    return result;
  }

  std::unique_ptr<TextGenerator> load_generator(
      const RunConfig& config,
      const std::function<void(const Progress&)>& on_progress,
      const CallContext& /*context*/) override {
    misbehave(config.model);
    on_progress({"loading the model", 2, 2, "tensors"});
    return std::make_unique<FakeGenerator>(config.model != "base");
  }

  HardwareProfile profile(const ProfileRequest& request,
                          const std::function<void(const Progress&)>& on_progress,
                          const CallContext& context) override {
    on_progress({"measuring compute", 1, 2, "%"});
    if (request.disks == std::vector<std::string>{"missing"})
      throw IoError("missing", "is no folder");
    if (request.disks == std::vector<std::string>{"slow"}) {
      while (!context.stop) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      throw Error("interrupted: no profile was written");
    }
    HardwareProfile profile =
        load_hardware(LONGHAUL_SOURCE_DIR "/configs/hardware/emulated_two_cores.yaml");
    profile.name = concat("measured for ",
                          request.seconds,
                          " s on ",
                          name_of(request.device),
                          " with ",
                          to_string(request.disk_size));
    profile.storage.disks.front().name = request.disks.front();
    return profile;
  }

  ModelTimes profile_model(const RunConfig& config,
                           const std::function<void(const Progress&)>& on_progress,
                           const CallContext& /*context*/) override {
    on_progress({"measuring the model", 0, 0, ""});
    return {
        .version = "1",
        .device = config.data.train.empty() ? "a device without data" : "a device",
        .threads = 2,
        .tokens = config.batch.tokens_per_micro_batch.value_or(2048),
        .sequence = 77,
        .nodes = {{"linear 64 -> 32", {{0.001}, {0.002}, 0.05}}, {"add 64", {{0.0001}, {}, 0.01}}}};
  }

 private:
  static Evaluation evaluation() {
    return {.loss = 1.5, .samples = 60, .target_tokens = 3400, .time = {2.0}};
  }

  static void misbehave(const std::string& model) {
    if (model == "too-large") throw DoesNotFit("device: needs 3 GiB, has 2 GiB");
    if (model == "out-of-memory") throw std::bad_alloc();
    if (model == "foreign") throw std::runtime_error("a library failed");
  }
};

}  // namespace
}  // namespace longhaul

extern "C" LONGHAUL_VISIBLE longhaul::TrainingHalf* longhaul_make_training_half() {
  return new longhaul::FakeHalf;
}

extern "C" LONGHAUL_VISIBLE const char* longhaul_training_half_version() {
  return LONGHAUL_VERSION;
}
