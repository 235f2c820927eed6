// The plan of a run: a policy, a plan file, or a file that says how much a policy swaps (planner:
// swaps.h), and whether it suits the run's rules.
#pragma once

#include "longhaul/graph/model_graph.h"
#include "longhaul/plan/plan.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

// `auto` plans for config.hardware. Throws IoError, DoesNotFit and ConfigError: a plan file that
// cannot be read or is wrong, and an update in backward together with what needs the gradients of a
// whole step: training.max_grad_norm, training.on_nonfinite: skip.
Plan load_run_plan(const RunConfig& config, const ModelGraph& graph, const BatchShape& shape);

}  // namespace longhaul
