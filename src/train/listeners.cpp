#include "listeners.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "longhaul/io/atomic_file.h"
#include "longhaul/report/step_lanes.h"
#include "longhaul/run/metrics.h"
#include "longhaul/train/checkpoint.h"

#include "evaluator.h"

namespace longhaul {
namespace {

bool is_due(const StepEvent& event, const std::optional<std::int64_t>& every) {
  return event.is_last || (every && event.metrics.step % *every == 0);
}

class MetricsListener final : public StepListener {
 public:
  MetricsListener(const RunFolder& folder, std::int64_t steps_done, TrainObserver& observer)
      : writer_(folder.metrics_file().string(), steps_done), observer_(observer) {}

  void after_step(const StepEvent& event) override {
    writer_.append(event.metrics);
    observer_.on_step(event.metrics);
  }

 private:
  MetricsWriter writer_;
  TrainObserver& observer_;
};

// The first step of a process pays for pages and caches; of the next ones the median is typical.
class LanesListener final : public StepListener {
 public:
  LanesListener(const RunFolder& folder, const Engine& engine)
      : file_(folder.lanes_file()), engine_(engine) {}

  void after_step(const StepEvent& event) override {
    if (is_written_) return;
    const bool is_first = ++seen_ == 1;
    if (is_first && !event.is_last) return;
    // A resumed run that ends at once has nothing better than what is there.
    if (is_first && std::filesystem::exists(file_)) return;
    steps_.push_back(
        make_step_lanes(event.metrics.step, engine_.last_schedule(), engine_.last_timeline()));
    if (static_cast<int>(steps_.size()) < kSteps && !event.is_last) return;
    const auto median = steps_.begin() + static_cast<std::ptrdiff_t>(steps_.size() / 2);
    std::nth_element(
        steps_.begin(), median, steps_.end(), [](const StepLanes& a, const StepLanes& b) {
          return a.length < b.length;
        });
    write_text_file(file_, to_json(*median).dump() + "\n");
    steps_.clear();
    is_written_ = true;
  }

 private:
  static constexpr int kSteps = 5;

  std::filesystem::path file_;
  const Engine& engine_;
  int seen_ = 0;
  std::vector<StepLanes> steps_;
  bool is_written_ = false;
};

class PredictionListener final : public StepListener {
 public:
  explicit PredictionListener(const PredictionRules& rules) : rules_(rules) {}

  void after_step(const StepEvent& event) override {
    constexpr int kSteps = 10;
    if (++seen_ == 1 || is_done_) return;
    const Schedule& schedule = rules_.engine.last_schedule().schedule;
    steps_.push_back({event.metrics.time, busy_time(schedule, rules_.engine.last_timeline())});
    if (seen_ < kSteps && !event.is_last) return;
    is_done_ = true;
    const Judgement& judged = *rules_.plan.judgement;
    const Prediction prediction{{judged.step, judged.busy}, median_of(steps_)};
    write_text_file(rules_.folder.prediction_file(), to_json(prediction).dump(/*indent=*/2) + "\n");
    rules_.observer.on_prediction(prediction,
                                  advice_on_drift(rules_.plan, prediction, watch_.load()));
  }

 private:
  PredictionRules rules_;
  LoadWatch watch_;
  int seen_ = 0;
  bool is_done_ = false;
  std::vector<StepTimes> steps_;
};

class EvaluationListener final : public StepListener {
 public:
  explicit EvaluationListener(const EvaluationRules& rules)
      : rules_(rules), writer_(rules.folder.evaluations_file().string(), rules.steps_done) {}

  void after_step(const StepEvent& event) override {
    if (rules_.stop.load() || !is_due(event, rules_.every)) return;
    const Evaluation evaluation =
        evaluate_dataset(rules_.engine, rules_.held_out, rules_.rules, {}, rules_.stop);
    if (rules_.stop.load()) return;
    writer_.append(event.metrics.step, evaluation);
    rules_.observer.on_evaluation(event.metrics.step, evaluation);
  }

 private:
  EvaluationRules rules_;
  MetricsWriter writer_;
};

class CheckpointListener final : public StepListener {
 public:
  explicit CheckpointListener(const CheckpointRules& rules) : rules_(rules) {}

  void after_step(const StepEvent& event) override {
    if (!is_due(event, rules_.config.every)) return;
    const std::filesystem::path folder = rules_.folder.checkpoint_folder(event.metrics.step);
    save_checkpoint(folder, rules_.engine.model(), rules_.engine.states(), event.progression);
    rules_.folder.prune_checkpoints(rules_.config.keep);
    rules_.observer.on_checkpoint(event.metrics.step, folder.string());
  }

 private:
  CheckpointRules rules_;
};

}  // namespace

std::unique_ptr<StepListener> make_metrics_listener(const RunFolder& folder,
                                                    std::int64_t steps_done,
                                                    TrainObserver& observer) {
  return std::make_unique<MetricsListener>(folder, steps_done, observer);
}

std::unique_ptr<StepListener> make_lanes_listener(const RunFolder& folder, const Engine& engine) {
  return std::make_unique<LanesListener>(folder, engine);
}

std::unique_ptr<StepListener> make_prediction_listener(const PredictionRules& rules) {
  return std::make_unique<PredictionListener>(rules);
}

std::unique_ptr<StepListener> make_evaluation_listener(const EvaluationRules& rules) {
  return std::make_unique<EvaluationListener>(rules);
}

std::unique_ptr<StepListener> make_checkpoint_listener(const CheckpointRules& rules) {
  return std::make_unique<CheckpointListener>(rules);
}

}  // namespace longhaul
