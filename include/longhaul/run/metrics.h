// metrics.jsonl, one JSON object per step, and evaluations.jsonl, one per evaluation; both in the
// order of steps.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "longhaul/core/units.h"

namespace longhaul {

struct StepMetrics {
  std::int64_t step = 0;   // counted from 1
  double loss = 0.0;       // mean over the target tokens of the step
  double grad_norm = 0.0;  // before clipping
  double learning_rate = 0.0;
  std::int64_t tokens = 0;  // of samples; padding not counted
  std::int64_t target_tokens = 0;
  Seconds time;  // wall clock of the step; "seconds" in the file
};

struct Evaluation {
  double loss = 0.0;  // natural logarithm, mean over target tokens
  std::int64_t samples = 0;
  std::int64_t target_tokens = 0;
  Seconds time;
};

struct NumberedEvaluation {
  std::int64_t step = 0;  // after which it was made
  Evaluation evaluation;
};

// Appends lines to a file. Every line is written whole and flushed before append() returns, so a
// crash leaves whole lines.
class MetricsWriter {
 public:
  // Opens or creates `file` and drops every line of a step beyond `last_step`, and a torn last
  // line: a resumed run has one line per step. Throws IoError; FormatError when a whole line has no
  // step.
  MetricsWriter(std::string file, std::int64_t last_step);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  // Throws InvalidArgument unless the step is larger than every step in the file; IoError.
  void append(const StepMetrics& metrics);
  void append(std::int64_t step, const Evaluation& evaluation);

 private:
  void append_line(std::int64_t step, const std::string& line);

  std::string file_;
  int descriptor_ = -1;
  std::int64_t last_step_ = 0;
};

// Throws IoError; FormatError with file and line. A torn last line is left out.
std::vector<StepMetrics> read_metrics(const std::string& file);
std::vector<NumberedEvaluation> read_evaluations(const std::string& file);

}  // namespace longhaul
