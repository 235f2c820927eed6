// The training half: all that needs LibTorch, behind one abstract class, so that a program loads it
// when it trains and not before. Everything crosses as plain values; exceptions of core/error.h
// cross as they are.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/device_kind.h"
#include "longhaul/core/log.h"
#include "longhaul/core/units.h"
#include "longhaul/hardware/profile.h"
#include "longhaul/run/metrics.h"
#include "longhaul/run/model_times.h"
#include "longhaul/run/prediction.h"
#include "longhaul/run/run_config.h"
#include "longhaul/schedule/timeline.h"
#include "longhaul/text/chat_template.h"

namespace longhaul {

// What a run is about to do, known before its first step.
struct RunSummary {
  struct Stream {  // of the states of every trainable parameter
    std::string name;
    std::string dtype;
    Bytes size;
  };
  struct MemoryLine {
    std::string name;  // "weights", "saved tensors", ...
    Bytes size;
  };

  std::string family;  // "llama", ...
  std::int64_t parameters = 0;
  std::int64_t trainable_parameters = 0;
  std::vector<Stream> states;
  std::int64_t training_samples = 0;
  std::int64_t held_out_samples = 0;
  std::int64_t dropped_samples = 0;
  double fill_rate = 0.0;  // tokens of samples / tokens of micro-batches, first epoch
  std::int64_t total_steps = 0;
  std::int64_t resumed_from = 0;  // steps already done; 0 for a new run
  std::string device;             // in words
  std::vector<MemoryLine> memory;
  std::vector<std::string> plan;  // in words, a line each
  RunConfig config;               // resolved
};

struct TrainResult {
  std::int64_t steps = 0;  // done in all
  bool was_interrupted = false;
  std::string model_folder;       // empty when interrupted
  std::string checkpoint_folder;  // of the last complete checkpoint; may be empty
};

// Long work in words: "loading the model", done of total in `unit`; total 0 while unknown.
struct Progress {
  std::string_view what;
  std::int64_t done = 0;
  std::int64_t total = 0;
  std::string_view unit;  // "tensors", "samples", "tokens"
};

// Told what happens in a run, in order, from the thread that called train(). An exception thrown
// here ends the run.
class LONGHAUL_VISIBLE TrainObserver {
 public:
  virtual ~TrainObserver();
  virtual void on_progress(const Progress& progress) = 0;
  virtual void on_start(const RunSummary& summary) = 0;
  virtual void on_step(const StepMetrics& metrics) = 0;
  virtual void on_evaluation(std::int64_t step, const Evaluation& evaluation) = 0;
  virtual void on_checkpoint(std::int64_t step, const std::string& folder) = 0;
  // Once, after some steps, where something was predicted. `advice`: what to do about a large
  // drift.
  virtual void on_prediction(const Prediction& prediction, const std::string& advice) = 0;
  // When every op of the step ran; both are valid during the call only.
  virtual void on_timeline(std::int64_t step,
                           const Schedule& schedule,
                           const Timeline& timeline) = 0;
};

struct SamplingOptions {
  std::int64_t max_new_tokens = 256;
  double temperature = 0.0;  // 0: greedy
  double top_p = 1.0;
  std::int64_t top_k = 0;  // 0: all
  std::uint64_t seed = 42;
};

// With messages the chat template writes the prompt; without, `text` is continued as it stands.
struct Prompt {
  std::vector<Message> messages;
  std::string text;
};

struct Generation {
  std::string text;
  std::int64_t prompt_tokens = 0;
  std::int64_t new_tokens = 0;
  Seconds prompt_time;
  Seconds generate_time;
  bool reached_end = false;  // the model ended its turn; else a limit or `stop` did
};

// A loaded model that writes.
class LONGHAUL_VISIBLE TextGenerator {
 public:
  virtual ~TextGenerator();
  virtual bool has_chat_template() const = 0;
  // Calls on_text with every new piece of text (whole UTF-8 characters).
  virtual Generation generate(const Prompt& prompt,
                              const SamplingOptions& options,
                              const std::function<void(std::string_view)>& on_text) = 0;
};

// What of this machine is measured, and for how long.
struct ProfileRequest {
  DeviceKind device = DeviceKind::kHost;
  std::vector<std::string> disks;  // folders; none: a profile without storage
  Bytes disk_size = 4_GiB;         // written to each, 64 MiB or more
  double seconds = 90.0;           // in all, about
};

// What the calls below share. `stop` is set from another thread or a signal handler: train() then
// finishes its step, writes a checkpoint and returns; the others return early.
struct CallContext {
  LogSink& log;
  const std::atomic<bool>& stop;
};

class LONGHAUL_VISIBLE TrainingHalf {
 public:
  virtual ~TrainingHalf();
  // "LibTorch 2.11.0 (CPU)", ...: one line per library.
  virtual std::vector<std::string> libraries() const = 0;
  // `config` as parsed; what is auto is resolved here, once, and written into the run folder.
  virtual TrainResult train(const RunConfig& config,
                            TrainObserver& observer,
                            const CallContext& context) = 0;
  // The loss of config.model on config.data.eval.file.
  virtual Evaluation evaluate(const RunConfig& config,
                              const std::function<void(const Progress&)>& on_progress,
                              const CallContext& context) = 0;
  // Loads config.model. What the context refers to must outlive the generator.
  virtual std::unique_ptr<TextGenerator> load_generator(
      const RunConfig& config,
      const std::function<void(const Progress&)>& on_progress,
      const CallContext& context) = 0;
  // Measures this machine.
  virtual HardwareProfile profile(const ProfileRequest& request,
                                  const std::function<void(const Progress&)>& on_progress,
                                  const CallContext& context) = 0;
  // Measures what the nodes of a run's model take on this device, where training would compute.
  // `config` as parsed; without data.train its sequences are as long as they may be.
  virtual ModelTimes profile_model(const RunConfig& config,
                                   const std::function<void(const Progress&)>& on_progress,
                                   const CallContext& context) = 0;
};

// The library exports `extern "C" TrainingHalf* longhaul_make_training_half()` (owned by the
// caller) and `extern "C" const char* longhaul_training_half_version()`, equal to the version of
// the program that loads it.
//
// Loads liblonghaul_training.so from beside this program or from ../lib, and keeps it loaded.
// Throws Error that says how to get it when it is not there or of another version.
std::unique_ptr<TrainingHalf> load_training_half();

}  // namespace longhaul
