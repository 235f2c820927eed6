// What happens beside the steps of a run.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "longhaul/data/packing.h"
#include "longhaul/run/run_plan.h"

#include "trainer.h"

namespace longhaul {

// One line of metrics.jsonl a step, and the observer's on_step.
std::unique_ptr<StepListener> make_metrics_listener(const RunFolder& folder,
                                                    std::int64_t steps_done,
                                                    TrainObserver& observer);

// lanes.json, after a few steps: the one with the median time. It must be called before the engine
// runs another pass.
std::unique_ptr<StepListener> make_lanes_listener(const RunFolder& folder, const Engine& engine);

struct PredictionRules {
  Engine& engine;
  const RunFolder& folder;
  const RunPlan& plan;  // that was judged
  TrainObserver& observer;
};
// prediction.json and the observer's on_prediction, once: after ten steps of this process or at its
// end. The first step is not counted.
std::unique_ptr<StepListener> make_prediction_listener(const PredictionRules& rules);

struct EvaluationRules {
  Engine& engine;
  const RunFolder& folder;
  const Dataset& held_out;
  PackingRules rules;
  std::optional<std::int64_t> every;  // steps; and always at the end
  std::int64_t steps_done;
  TrainObserver& observer;
  const std::atomic<bool>& stop;
};
// One line of evaluations.jsonl an evaluation, and the observer's on_evaluation.
std::unique_ptr<StepListener> make_evaluation_listener(const EvaluationRules& rules);

struct CheckpointRules {
  Engine& engine;
  const RunFolder& folder;
  CheckpointConfig config;
  TrainObserver& observer;
};
// Every so many steps, at the end and when the run is interrupted.
std::unique_ptr<StepListener> make_checkpoint_listener(const CheckpointRules& rules);

}  // namespace longhaul
