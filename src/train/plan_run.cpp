#include "plan_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "longhaul/core/error.h"
#include "longhaul/core/thread_pool.h"
#include "longhaul/profiler/measure_model.h"
#include "longhaul/run/plan_problem.h"
#include "longhaul/run/run_data.h"
#include "longhaul/run/run_machine.h"
#include "longhaul/runtime/cuda_device.h"

namespace longhaul {
namespace {

double mean_length_of_tokens(const std::vector<std::int64_t>& lengths) {
  double tokens = 0.0;
  double squares = 0.0;
  for (const std::int64_t length : lengths) {
    tokens += static_cast<double>(length);
    squares += static_cast<double>(length) * static_cast<double>(length);
  }
  return squares / std::max(tokens, 1.0);
}

Bytes peak_of(const Judgement& judgement, Tier tier) {
  return judgement.peak[static_cast<std::size_t>(tier)];
}

// What the run itself will take, and no more.
Bytes memory_of(const RunPlan& plan) {
  const Bytes device = peak_of(*plan.judgement, Tier::kDevice);
  const bool is_host = plan.problem.machine.device.kind == DeviceKind::kHost;
  return is_host ? device + peak_of(*plan.judgement, Tier::kHost) : device;
}

// Where it went, in words.
std::string kept(const ModelTimes& times) {
  try {
    return concat("kept in ", keep_model_times(times));
  } catch (const Error& error) {
    return concat("not kept: ", error.what());
  }
}

std::optional<ModelTimes> measure(const RunPlan& plan,
                                  const RunWork& work,
                                  const CallContext& context) {
  const auto start = std::chrono::steady_clock::now();
  try {
    ModelTimes times =
        measure_model(plan.problem, *plan.unmeasured, {memory_of(plan), work.micro_batch}, context);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    context.log.write(LogLevel::kInfo,
                      concat("what the nodes of the model take was measured in ",
                             to_string(Seconds{took.count()}),
                             ", ",
                             kept(times)));
    return times;
  } catch (const DoesNotFit& error) {
    context.log.write(
        LogLevel::kInfo,
        concat("what the nodes of the model take is not measured in the run's memory: ",
               error.what()));
  } catch (const Error&) {
    if (!context.stop.load()) throw;  // else the run stops after its first step
  }
  return std::nullopt;
}

}  // namespace

std::int64_t mean_sequence(const std::vector<std::int64_t>& lengths) {
  return std::max<std::int64_t>(1, std::llround(mean_length_of_tokens(lengths)));
}

std::vector<std::int64_t> typical_micro_batch(const std::vector<std::int64_t>& lengths,
                                              const LoaderRules& rules) {
  const double mean = mean_length_of_tokens(lengths);
  const auto count = static_cast<std::int64_t>(lengths.size());
  const Packing packing = pack(shuffled_order(count, rules.seed, 0), lengths, rules.packing);
  std::vector<std::int64_t> best;
  for (std::int64_t b = 0; b < packing.size(); ++b) {
    std::vector<std::int64_t> these;
    std::int64_t tail = rules.packing.tokens;
    for (const std::int64_t sequence : packing[b]) {
      these.push_back(lengths[static_cast<std::size_t>(sequence)]);
      tail -= these.back();
    }
    if (tail > 0) these.push_back(tail);
    const auto distance = [&](const std::vector<std::int64_t>& some) {
      return std::abs(mean_length_of_tokens(some) - mean);
    };
    if (best.empty() || distance(these) < distance(best)) best = std::move(these);
  }
  return best;
}

RunPlan plan_run(const RunConfig& config,
                 const ModelGraph& graph,
                 RunWork work,
                 const std::function<void(const Progress&)>& on_progress,
                 const CallContext& context) {
  on_progress({"planning", 0, 0, ""});
  const Environment environment = probe_environment();
  RunPlan plan = make_run_plan(config, graph, work, environment, context.log);
  if (config.plan != "auto" || !plan.unmeasured) return plan;
  on_progress({"measuring the model", 0, 0, ""});
  work.times = measure(plan, work, context);
  if (!work.times) return plan;
  try {
    return make_run_plan(config, graph, work, environment, context.log);
  } catch (const DoesNotFit&) {  // the search took another way; what was found before fits
    return plan;
  }
}

ModelTimes measure_run_model(const RunConfig& config,
                             const std::function<void(const Progress&)>& on_progress,
                             const CallContext& context) {
  const Environment environment = probe_environment();
  const DeviceKind kind = *config.device.kind;
  Model model = load_model_graph(config);
  tile_head(model.graph, config.batch.head_tile_rows.value_or(0));
  const std::int64_t tokens = *config.batch.tokens_per_micro_batch;
  std::int64_t sequence = std::min(config.data.max_length, model.max_positions);
  std::int64_t segments = tokens / sequence + 1;
  ModelTrial trial;
  if (!config.data.train.empty()) {
    on_progress({"reading the data", 0, 0, "samples"});
    ThreadPool pool(static_cast<int>(*config.device.threads));
    const RunData run = load_run_data(config, model, pool);
    const std::vector<std::int64_t> lengths = lengths_of(run.data.train);
    sequence = mean_sequence(lengths);
    segments = run.rules.packing.max_segments;
    trial.lengths = typical_micro_batch(lengths, run.rules);
  }
  Problem problem = make_problem(config,
                                 std::move(model.graph),
                                 {.tokens = tokens, .max_segments = segments, .positions = tokens},
                                 assume_machine(kind, {}, environment).profile);
  problem.rules.sequence = sequence;
  const std::optional<ModelTimesKey> key = model_times_key(problem, environment);
  if (!key) throw DeviceError("profile: the system does not tell the name of the device");
  trial.memory = kind == DeviceKind::kCuda ? probe_cuda_device(0).free_for_arena()
                                           : Bytes{environment.available_memory.count / 3};
  on_progress({"measuring the model", 0, 0, ""});
  return measure_model(problem, *key, trial, context);
}

}  // namespace longhaul
