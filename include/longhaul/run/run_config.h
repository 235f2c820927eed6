// The settings of a run as plain values: what a run file says, with every default. An empty
// optional stands for the word that its comment names. docs/config.md lists the keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/core/device_kind.h"
#include "longhaul/core/units.h"
#include "longhaul/data/rules.h"
#include "longhaul/hardware/profile.h"
#include "longhaul/optim/adamw.h"
#include "longhaul/optim/learning_rate.h"
#include "longhaul/optim/state_format.h"

namespace longhaul {

enum class OnNonfinite : std::uint8_t { kStop, kSkip };
enum class Resume : std::uint8_t { kAuto, kNever };

// Held-out samples: a file, else a fraction of the training file, else (fraction 0) none.
struct EvaluationSource {
  std::string file = {};
  double fraction = 0.0;

  bool operator==(const EvaluationSource&) const = default;
  bool exists() const { return !file.empty() || fraction > 0; }
};

struct DataConfig {
  std::vector<std::string> train;  // files, at least one
  EvaluationSource eval{.fraction = 0.05};
  std::int64_t max_length = 1024;  // tokens of a sample
  LossOn loss_on = LossOn::kAssistant;
  std::optional<std::string> chat_template;  // auto: the model's own; else "chatml" or a file
  OnBadSample on_bad_sample = OnBadSample::kRefuse;
};

struct BatchConfig {
  std::int64_t tokens_per_step = 8192;
  std::optional<std::int64_t> tokens_per_micro_batch;  // auto; divides tokens_per_step
  std::optional<std::int64_t> head_tile_rows;          // none: the head is cut over tokens only
};

// Exactly one of `epochs` and `steps` is set.
struct TrainingConfig {
  std::optional<double> epochs = 3.0;  // none
  std::optional<std::int64_t> steps;   // none
  std::optional<Precision> precision;  // auto
  std::uint64_t seed = 42;
  std::optional<double> max_grad_norm = 1.0;    // none: no clipping
  std::optional<std::int64_t> eval_every = 50;  // steps; none: only at the end
  OnNonfinite on_nonfinite = OnNonfinite::kStop;
};

enum class OptimizerKind : std::uint8_t { kAdamW };

// At most one of `warmup_ratio` and `warmup_steps` is set.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kAdamW;
  AdamWConfig adamw;
  bool decay_norms_and_biases = false;
  ScheduleShape schedule = ScheduleShape::kCosine;
  std::optional<double> warmup_ratio = 0.03;  // none; of all steps, rounded up
  std::optional<std::int64_t> warmup_steps;   // none
};

struct CheckpointConfig {
  std::optional<std::int64_t> every = 200;  // steps; none: only at the end and when interrupted
  std::int64_t keep = 2;
};

struct DeviceConfig {
  std::optional<DeviceKind> kind;       // auto
  std::optional<Bytes> memory;          // auto: no cap
  std::optional<std::int64_t> threads;  // auto
};

// A folder for what a plan keeps on disk, and the most that may be taken there.
struct DiskLimit {
  std::string path;
  Bytes capacity;

  bool operator==(const DiskLimit&) const = default;
};

struct LimitsConfig {
  std::optional<Bytes> host_memory;  // auto: what the machine has
  std::vector<DiskLimit> disk;       // none: a plan cannot use the disk
  double write_price = 0.1;          // seconds of a step that a GB written to disk counts for
};

struct RunConfig {
  std::string model;   // folder
  std::string output;  // folder
  DataConfig data;
  BatchConfig batch;
  TrainingConfig training;
  OptimizerConfig optimizer;
  CheckpointConfig checkpoint;
  Resume resume = Resume::kAuto;
  DeviceConfig device;
  LimitsConfig limits;
  std::optional<std::string> hardware;  // the machine's profile; auto
  std::string plan = "auto";            // or a policy or a plan file
};

// The learning rate of a run of `total_steps`.
LearningRateSchedule learning_rate_schedule(const OptimizerConfig& optimizer,
                                            std::int64_t total_steps);

}  // namespace longhaul
