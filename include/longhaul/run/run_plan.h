// The plan of a run: `auto`, a policy, a plan file, or a file that says how much a policy swaps
// (planner: swaps.h); whether it suits the run's rules, and what is predicted of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "longhaul/core/log.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/planner/judge.h"
#include "longhaul/run/environment.h"
#include "longhaul/run/load_watch.h"
#include "longhaul/run/model_times.h"
#include "longhaul/run/prediction.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

// A plan that is not `auto`. Throws IoError and ConfigError: a plan file that cannot be read or is
// wrong, and an update in backward together with what needs the gradients of a whole step:
// training.max_grad_norm, training.on_nonfinite: skip.
Plan load_run_plan(const RunConfig& config, const ModelGraph& graph, const BatchShape& shape);

// What a run asks beside its file.
struct RunWork {
  BatchShape training;
  BatchShape evaluation;
  std::int64_t sequence = 0;  // tokens of the sequence that a token stands in, on average
  std::vector<std::int64_t> micro_batch;  // tokens of the sequences of a typical one
  Bytes device_memory;                    // of a GPU
  // What the model's nodes take here, where that was just measured; else what was kept is found.
  std::optional<ModelTimes> times;
};

struct RunPlan {
  Plan plan;
  Problem problem;  // that the plan was judged for
  // None: it cannot be judged.
  std::optional<Judgement> judgement;
  // Whose figures; empty where there are none and the plan did not ask for any. Then seconds mean
  // nothing.
  std::string machine;
  bool is_assumed = false;
  // Where the machine is this one and its times of the model's nodes are not known: what to
  // measure.
  std::optional<ModelTimesKey> unmeasured;
};

// `config` is resolved, the machine is this one. Every pass of an `auto` plan has been placed and
// fits the caps. Throws what load_run_plan throws, DoesNotFit for `auto`, and ConfigError for a
// wrong file of the key `hardware`; a plan of another kind that cannot be judged is no error.
RunPlan make_run_plan(const RunConfig& config,
                      const ModelGraph& graph,
                      const RunWork& work,
                      const Environment& environment,
                      LogSink& log);

// What to do where a step takes longer or shorter than was predicted, while there was `load`.
std::string advice_on_drift(const RunPlan& plan,
                            const Prediction& prediction,
                            const OtherLoad& load);

}  // namespace longhaul
