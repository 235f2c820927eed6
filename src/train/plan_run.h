// The plan of a run that is about to begin. Where nobody knows yet what the model's nodes take on
// this device, an `auto` plan measures them first.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "longhaul/data/loader.h"
#include "longhaul/run/run_plan.h"
#include "longhaul/run/training_half.h"

namespace longhaul {

// The average over tokens of the length of their sequence.
std::int64_t mean_sequence(const std::vector<std::int64_t>& lengths);

// Of the micro-batches of the first epoch the one whose sequences are most like all of them: their
// lengths, and that of its tail.
std::vector<std::int64_t> typical_micro_batch(const std::vector<std::int64_t>& lengths,
                                              const LoaderRules& rules);

// Throws as make_run_plan().
RunPlan plan_run(const RunConfig& config,
                 const ModelGraph& graph,
                 RunWork work,
                 const std::function<void(const Progress&)>& on_progress,
                 const CallContext& context);

// What the nodes of a run's model take at its micro-batch on this device; not kept anywhere.
// `config` is resolved; without data its sequences are as long as they may be. Throws as
// load_run_data() and measure_model().
ModelTimes measure_run_model(const RunConfig& config,
                             const std::function<void(const Progress&)>& on_progress,
                             const CallContext& context);

}  // namespace longhaul
