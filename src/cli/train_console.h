// What `longhaul train` shows: the summary, a progress line with ETA, evaluations, checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "longhaul/run/training_half.h"

#include "console.h"

namespace longhaul {

// What a run will do, in lines.
std::string to_text(const RunSummary& summary);

// "held-out loss 2.341202 (perplexity 10.39) on 120 samples, 3401 target tokens, 2.31 s"
std::string to_text(const Evaluation& evaluation);

// "a step takes 10.2 s, predicted were 9.84 s (+4 %)", a line per lane, and where the drift is
// large the lane that was mispredicted most.
std::string to_text(const Prediction& prediction, const std::string& advice);

// Seconds that the remaining steps will take. The first step of a process is left out as soon as
// there are others: it also pays for pages and caches.
class StepClock {
 public:
  explicit StepClock(std::int64_t total_steps) : total_steps_(total_steps) {}

  void add(const StepMetrics& metrics);
  Seconds remaining() const;

 private:
  std::int64_t total_steps_;
  std::int64_t last_step_ = 0;
  std::int64_t counted_ = 0;
  double mean_ = 0.0;  // seconds a step
};

// "step 12/300  loss 2.3412  grad norm 1.31  learning rate 1.9e-05  310 tokens/s  ETA 4 min 10 s"
std::string to_line(const StepMetrics& metrics, std::int64_t total_steps, Seconds remaining);

class TrainConsole final : public TrainObserver {
 public:
  // The second step is a steady one: its lanes are drawn where more than compute is busy, and its
  // timeline goes to `trace_file` unless that is empty.
  TrainConsole(Console& console, std::string trace_file)
      : console_(console), trace_file_(std::move(trace_file)), clock_(0) {}

  void on_progress(const Progress& progress) override { console_.status(progress); }
  void on_start(const RunSummary& summary) override;
  void on_step(const StepMetrics& metrics) override;
  void on_evaluation(std::int64_t step, const Evaluation& evaluation) override;
  void on_checkpoint(std::int64_t step, const std::string& folder) override;
  void on_prediction(const Prediction& prediction, const std::string& advice) override;
  void on_timeline(std::int64_t step, const Schedule& schedule, const Timeline& timeline) override;

 private:
  Console& console_;
  std::string trace_file_;
  int traced_ = 0;
  StepClock clock_;
  std::int64_t total_steps_ = 0;
  bool has_printed_ = false;
  double seconds_since_line_ = 0.0;
};

}  // namespace longhaul
