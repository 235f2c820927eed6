// What a run is about to do, in the numbers that a person wants to see first.
#pragma once

#include <string>

#include "longhaul/data/load.h"
#include "longhaul/data/loader.h"
#include "longhaul/run/run_plan.h"
#include "longhaul/run/training_half.h"
#include "longhaul/train/engine.h"

namespace longhaul {

struct SummaryInputs {
  const RunConfig& config;
  Engine& engine;
  const LoadedData& data;
  const LoaderRules& rules;
  const RunPlan& plan;
  std::int64_t total_steps = 0;
  std::int64_t steps_done = 0;
};

RunSummary summarize(const SummaryInputs& inputs);

}  // namespace longhaul
