// What the output folder of a run says about it, read back for reports.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/plan/plan.h"
#include "longhaul/run/metrics.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

struct RunRecord {
  std::filesystem::path path;
  RunConfig config;  // resolved
  std::optional<Plan> plan;
  std::vector<StepMetrics> metrics;  // at least one
  std::vector<NumberedEvaluation> evaluations;
  Json manifest;             // of this and the next two: null where the folder has none
  Json lanes;                // of a typical step; report/step_lanes.h reads it
  Json prediction;           // seconds of a step and of its lanes, predicted and measured
  bool is_finished = false;  // the trained model is there
};

// Of a run that goes on as well. Throws Error when `folder` holds no run or one without a step;
// IoError, ConfigError, FormatError with file and line.
RunRecord load_run_record(const std::filesystem::path& folder);

}  // namespace longhaul
