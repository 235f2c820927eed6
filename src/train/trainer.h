// A training run: prepared once, then a loop of batch, step and listeners. What happens beside the
// steps (metrics, evaluation, checkpoints) is the listeners', each a room of its own.
#pragma once

#include <memory>
#include <vector>

#include "longhaul/data/load.h"
#include "longhaul/data/loader.h"
#include "longhaul/formats/model_folder.h"
#include "longhaul/optim/learning_rate.h"
#include "longhaul/run/run_folder.h"
#include "longhaul/run/run_plan.h"
#include "longhaul/run/training_half.h"
#include "longhaul/train/checkpoint.h"
#include "longhaul/train/engine.h"

namespace longhaul {

// What listeners see after a step.
struct StepEvent {
  const StepMetrics& metrics;
  const Progression& progression;
  bool is_last = false;  // the run ends after it, finished or interrupted
};

class StepListener {
 public:
  virtual ~StepListener() = default;
  virtual void after_step(const StepEvent& event) = 0;
};

class Trainer {
 public:
  // Resolves the settings, loads model, data and, where there is one, the newest checkpoint.
  // Throws before anything is written when the run cannot start.
  Trainer(const RunConfig& requested, TrainObserver& observer, const CallContext& context);
  ~Trainer();

  TrainResult run();

 private:
  void load_samples();
  void pack_samples();
  void make_engine(const std::vector<std::int64_t>& sizes);
  void make_engine();
  void restore();
  void announce();
  void add_listeners();
  StepMetrics step();
  StepScalars scalars_for(std::int64_t target_tokens) const;

  RunConfig config_;
  TrainObserver& observer_;
  const CallContext context_;
  RunPlan plan_;
  RunFolder folder_;
  ModelFolder source_;
  LoadedData data_;
  LoaderRules rules_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Engine> engine_;
  LearningRateSchedule schedule_;
  Progression progression_;
  std::vector<std::unique_ptr<StepListener>> listeners_;
};

}  // namespace longhaul
