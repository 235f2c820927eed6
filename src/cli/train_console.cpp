#include "train_console.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "longhaul/core/error.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/report/lanes_chart.h"
#include "longhaul/report/trace.h"

namespace longhaul {
namespace {

// Where no line can be overwritten, a line at most so often.
constexpr double kSecondsBetweenLines = 5.0;
// Of a step, on a lane other than compute.
constexpr double kShareWorthDrawing = 0.01;

// 134515008 -> "134,515,008"
std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::int64_t at = static_cast<std::int64_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string row(const char* name, const std::string& text) {
  return fmt::format("  {:<12}{}\n", name, text);
}

std::string states_of(const RunSummary& summary) {
  std::string text;
  for (const RunSummary::Stream& stream : summary.states) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", stream.name, stream.dtype);
  }
  return text;
}

std::string batch_of(const RunConfig& config) {
  const std::int64_t micro_batch = config.batch.tokens_per_micro_batch.value_or(0);
  return fmt::format("{} tokens a step in micro-batches of {}, samples of at most {}",
                     grouped(config.batch.tokens_per_step),
                     grouped(micro_batch),
                     grouped(config.data.max_length));
}

std::string data_of(const RunSummary& summary) {
  std::string text = fmt::format("{} samples to train on, {} held out",
                                 grouped(summary.training_samples),
                                 grouped(summary.held_out_samples));
  if (summary.dropped_samples > 0) {
    text += fmt::format(", {} left out", grouped(summary.dropped_samples));
  }
  return text + fmt::format(", micro-batches {:.1f} % full", 100.0 * summary.fill_rate);
}

// Whether another lane than compute has work worth drawing.
bool streams(const Schedule& schedule, const Timeline& timeline) {
  const std::array<Seconds, kLaneCount> busy = busy_time(schedule, timeline);
  const double worth = kShareWorthDrawing * makespan(timeline).value;
  return std::any_of(
      busy.begin() + 1, busy.end(), [&](Seconds lane) { return lane.value > worth; });
}

}  // namespace

std::string to_text(const RunSummary& summary) {
  const RunConfig& config = summary.config;
  std::string model = fmt::format(
      "{} ({}), {} parameters", config.model, summary.family, grouped(summary.parameters));
  if (summary.trainable_parameters != summary.parameters) {
    model += fmt::format(", {} of them trained", grouped(summary.trainable_parameters));
  }
  std::string text = "longhaul train\n";
  text += row("model", model);
  text += row("data", data_of(summary));
  text += row("batch", batch_of(config));
  std::string steps = grouped(summary.total_steps);
  if (summary.resumed_from > 0) {
    steps += fmt::format(", resumed after step {}", grouped(summary.resumed_from));
  }
  text += row("steps", steps);
  text += row("states", states_of(summary));
  text += row("device", summary.device);
  Bytes total;
  for (const RunSummary::MemoryLine& line : summary.memory) total += line.size;
  text += row("memory", to_string(total) + " planned");
  for (const RunSummary::MemoryLine& line : summary.memory) {
    text += fmt::format("    {:<28}{:>10}\n", line.name, to_string(line.size));
  }
  const char* name = "plan";
  for (const std::string& line : summary.plan) {
    text += row(name, line);
    name = "";
  }
  text += row("output", config.output);
  return text;
}

std::string to_text(const Prediction& prediction, const std::string& advice) {
  const StepTimes& predicted = prediction.predicted;
  const StepTimes& measured = prediction.measured;
  std::string text = fmt::format("a step takes {}, predicted were {} ({:+.0f} %)\n",
                                 to_string(measured.step),
                                 to_string(predicted.step),
                                 100.0 * prediction.drift());
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    const Seconds longer = std::max(predicted.busy[l], measured.busy[l]);
    if (longer.value < kShareWorthDrawing * measured.step.value) continue;
    text += fmt::format("  {:<12}busy {}, predicted {}\n",
                        name_of(static_cast<Lane>(l)),
                        to_string(measured.busy[l]),
                        to_string(predicted.busy[l]));
  }
  if (std::abs(prediction.drift()) <= kLargestDrift) return text;
  const std::optional<Lane> lane = prediction.mispredicted();
  const std::string which = lane ? concat(name_of(*lane), " is furthest from what was predicted")
                                 : "no lane explains it, time passes between ops";
  return text + fmt::format("  {}; {}\n", which, advice);
}

std::string to_text(const Evaluation& evaluation) {
  return fmt::format("loss {:.6f} (perplexity {:.4g}) on {} samples, {} target tokens, {}",
                     evaluation.loss,
                     std::exp(evaluation.loss),
                     grouped(evaluation.samples),
                     grouped(evaluation.target_tokens),
                     to_string(evaluation.time));
}

void StepClock::add(const StepMetrics& metrics) {
  last_step_ = metrics.step;
  if (counted_ == 1) mean_ = 0.0;  // forget the first step
  const double weight =
      std::max(1.0 / static_cast<double>(std::max<std::int64_t>(1, counted_)), 0.05);
  mean_ += weight * (metrics.time.value - mean_);
  ++counted_;
}

Seconds StepClock::remaining() const {
  return Seconds{mean_ * static_cast<double>(std::max<std::int64_t>(0, total_steps_ - last_step_))};
}

std::string to_line(const StepMetrics& metrics, std::int64_t total_steps, Seconds remaining) {
  const double speed = static_cast<double>(metrics.tokens) / std::max(metrics.time.value, 1e-9);
  return fmt::format(
      "step {}/{}  loss {:.4f}  grad norm {:.3g}  learning rate {:.3g}  {:.0f} tokens/s  ETA {}",
      metrics.step,
      total_steps,
      metrics.loss,
      metrics.grad_norm,
      metrics.learning_rate,
      speed,
      to_string(remaining));
}

void TrainConsole::on_start(const RunSummary& summary) {
  total_steps_ = summary.total_steps;
  clock_ = StepClock(total_steps_);
  console_.print(to_text(summary));
}

void TrainConsole::on_step(const StepMetrics& metrics) {
  clock_.add(metrics);
  seconds_since_line_ += metrics.time.value;
  const std::string line = to_line(metrics, total_steps_, clock_.remaining());
  const bool is_due =
      !has_printed_ || metrics.step == total_steps_ || seconds_since_line_ >= kSecondsBetweenLines;
  if (console_.stdout_is_terminal() && metrics.step != total_steps_) {
    console_.status(line);
  } else if (is_due) {
    console_.print(line + '\n');
    has_printed_ = true;
    seconds_since_line_ = 0.0;
  }
}

void TrainConsole::on_evaluation(std::int64_t step, const Evaluation& evaluation) {
  console_.print(fmt::format("step {}/{}  held-out {}\n", step, total_steps_, to_text(evaluation)));
}

void TrainConsole::on_checkpoint(std::int64_t step, const std::string& folder) {
  console_.print(fmt::format("step {}/{}  checkpoint {}\n", step, total_steps_, folder));
}

void TrainConsole::on_prediction(const Prediction& prediction, const std::string& advice) {
  console_.print(to_text(prediction, advice));
}

void TrainConsole::on_timeline(std::int64_t step,
                               const Schedule& schedule,
                               const Timeline& timeline) {
  // A run may have one step only, so the first is written too.
  if (++traced_ > 2) return;
  if (!trace_file_.empty()) write_text_file(trace_file_, to_trace(schedule, timeline));
  const bool is_steady = traced_ == 2 || step == total_steps_;
  if (is_steady && streams(schedule, timeline)) {
    console_.print(fmt::format("lanes of step {}\n{}", step, lanes_chart(schedule, timeline)));
  }
}

}  // namespace longhaul
