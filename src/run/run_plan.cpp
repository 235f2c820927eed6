#include "longhaul/run/run_plan.h"

#include <algorithm>
#include <array>

#include "longhaul/config/document.h"
#include "longhaul/core/error.h"
#include "longhaul/hardware/assumed.h"
#include "longhaul/plan/lower.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/planner/auto_plan.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/planner/swaps.h"
#include "longhaul/run/plan_problem.h"
#include "longhaul/run/run_machine.h"

namespace longhaul {
namespace {

using Peaks = std::array<Bytes, kTierCount>;

std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}

// A policy by its name, or what a file says.
Plan plan_named(const std::string& name, const ModelGraph& graph, const BatchShape& shape) {
  const std::vector<std::string> policies = policy_names();
  if (std::find(policies.begin(), policies.end(), name) != policies.end()) return make_plan(name);
  const Document document = load_document(name);
  return is_swap_request(document) ? make_plan(document, graph, shape) : parse_plan(document);
}

// Of all passes of a run: the planner judges the steady step alone.
Peaks peaks_of(const Problem& problem, const Plan& plan, const RunWork& work, int threads) {
  Peaks peaks{};
  const ComputeLane compute(problem.machine.device.kind, threads);
  for (const Pass pass : {Pass::kTrain, Pass::kDrain, Pass::kEvaluate}) {
    const BatchShape& shape = pass == Pass::kEvaluate ? work.evaluation : work.training;
    for (const Standing& found : standings(plan, pass)) {
      const PlacedSchedule placed =
          place(lower(problem.graph, problem.format, plan, shape, {pass, found}, compute).schedule);
      for (std::size_t t = 0; t < kTierCount; ++t) peaks[t] = std::max(peaks[t], placed.peak[t]);
    }
  }
  return peaks;
}

// `auto` for one run on this machine.
class AutoRun {
 public:
  AutoRun(const Problem& problem, const RunWork& work, int threads)
      : problem_(problem), work_(work), threads_(threads) {}

  // Throws DoesNotFit.
  Judgement plan() {
    std::optional<Judgement> best = plan_within(problem_);
    if (best && shares_memory(*best)) return std::move(*best);
    // Device and host of a host device are the same memory: a fixed part for each.
    best.reset();
    for (const std::int64_t parts : {2, 4, 8, 16}) {
      if (problem_.machine.device.kind != DeviceKind::kHost) break;
      Problem split = problem_;
      const Bytes memory = usable_memory(split.machine);
      Bytes& device = split.caps.bytes[index_of(Tier::kDevice)];
      Bytes& host = split.caps.bytes[index_of(Tier::kHost)];
      device = std::min(device, Bytes{memory.count / parts});
      host = std::min(host, memory - device);
      std::optional<Judgement> found = plan_within(split);
      if (found && (!best || cost_of(split, *found) < cost_of(split, *best))) best = found;
    }
    if (!best) throw DoesNotFit("plan: auto: " + refusal_);
    return std::move(*best);
  }

 private:
  bool shares_memory(const Judgement& judgement) const {
    if (problem_.machine.device.kind != DeviceKind::kHost) return true;
    return judgement.peak[index_of(Tier::kDevice)] + judgement.peak[index_of(Tier::kHost)] <=
           usable_memory(problem_.machine);
  }

  // Every pass within the caps: what others need beyond the steady step is taken off the caps.
  std::optional<Judgement> plan_within(const Problem& problem) {
    constexpr int kRounds = 4;
    Problem tight = problem;
    for (int round = 0; round < kRounds; ++round) {
      AutoPlan found = make_auto_plan(tight);
      if (!found.best) {
        if (refusal_.empty() || round == 0) refusal_ = found.refusal;
        return std::nullopt;
      }
      const Peaks peaks = peaks_of(problem, found.best->plan, work_, threads_);
      bool fits = true;
      for (std::size_t t = 0; t < kTierCount; ++t) {
        if (peaks[t] <= problem.caps.bytes[t]) continue;
        fits = false;
        tight.caps.bytes[t] = tight.caps.bytes[t] - (peaks[t] - problem.caps.bytes[t]);
        refusal_ = concat("its steady step fits, and another pass takes ",
                          to_string(peaks[t]),
                          " of ",
                          room_on(static_cast<Tier>(t)));
      }
      if (fits) return std::move(found.best);
    }
    return std::nullopt;
  }

  const Problem& problem_;
  const RunWork& work_;
  int threads_;
  std::string refusal_;
};

// This machine has what it has, whatever a profile or a run says.
void fit_to_machine(const Environment& environment, HardwareProfile& machine) {
  if (environment.memory.count == 0) return;
  Bytes left = environment.memory;
  if (machine.device.kind == DeviceKind::kHost) {
    Bytes& own = machine.device.memory.value;
    own = std::min(own, Bytes{left.count / 2});
    left = left - own;
  }
  machine.host.memory.value = std::min(machine.host.memory.value, left);
}

// Device and host of this processor are the same memory, and a part of any size may be either's
// where the run does not say: AutoRun sees to the sum.
void share_memory(const RunConfig& config, Problem& problem) {
  if (problem.machine.device.kind != DeviceKind::kHost) return;
  const Bytes memory = usable_memory(problem.machine);
  if (!config.device.memory) problem.caps.bytes[index_of(Tier::kDevice)] = memory;
  if (!config.limits.host_memory) problem.caps.bytes[index_of(Tier::kHost)] = memory;
}

void warn_of_caps(const RunConfig& config, const Environment& environment, LogSink& log) {
  const auto warn = [&](const char* key, const std::optional<Bytes>& cap) {
    if (!cap || *cap <= environment.memory || environment.memory.count == 0) return;
    log.write(LogLevel::kWarning,
              concat(key,
                     ": got ",
                     to_string(*cap),
                     ", and this machine has ",
                     to_string(environment.memory)));
  };
  warn("limits.host_memory", config.limits.host_memory);
  if (config.device.kind != DeviceKind::kCuda) warn("device.memory", config.device.memory);
}

RunMachine machine_of(const RunConfig& config,
                      const RunWork& work,
                      const Environment& environment,
                      LogSink& log) {
  std::optional<RunMachine> machine;
  try {
    machine = find_machine(config, *config.device.kind, log);
  } catch (const Error& error) {
    if (config.plan == "auto") throw;
    log.write(LogLevel::kWarning, concat("nothing is predicted: ", error.what()));
  }
  const bool is_found = machine.has_value();
  if (!machine) machine = assume_machine(*config.device.kind, work.device_memory, environment);
  if (!is_found && config.plan != "auto") machine->source.clear();
  fit_to_machine(environment, machine->profile);
  if (!config.limits.disk.empty() && machine->profile.storage.disks.empty()) {
    for (const DiskLimit& disk : config.limits.disk) {
      machine->profile.storage.disks.push_back(assumed_disk(disk.capacity));
    }
    if (is_found) machine->source += ", which has no disk: its rates are assumed";
  }
  return std::move(*machine);
}

// Seconds of nodes, where the machine is this one: those of `work`, or those that were kept.
void add_times(const RunWork& work, const Environment& environment, LogSink& log, RunPlan& run) {
  const std::optional<ModelTimesKey> key = model_times_key(run.problem, environment);
  if (!key) return;
  std::optional<ModelTimes> times = work.times;
  if (!times) times = find_model_times(*key, log);
  if (times) run.problem.measured = model_profile(run.problem, *times);
  if (!times || !is_of_sequence(*times, work.sequence)) run.unmeasured = key;
}

}  // namespace

Plan load_run_plan(const RunConfig& config, const ModelGraph& graph, const BatchShape& shape) {
  Plan plan = plan_named(config.plan, graph, shape);
  if (plan.update != UpdateTime::kInBackward) return plan;
  if (config.training.max_grad_norm) {
    throw ConfigError(
        concat("plan: ",
               config.plan,
               ": update: in_backward updates a block before the gradient norm is "
               "known, and training.max_grad_norm asks for clipping; expected update: "
               "after_backward, in_next_forward or speculative, or max_grad_norm: none"));
  }
  if (config.training.on_nonfinite == OnNonfinite::kSkip) {
    throw ConfigError(concat("plan: ",
                             config.plan,
                             ": update: in_backward cannot take back an update, and "
                             "training.on_nonfinite: skip asks for it; expected stop"));
  }
  return plan;
}

RunPlan make_run_plan(const RunConfig& config,
                      const ModelGraph& graph,
                      const RunWork& work,
                      const Environment& environment,
                      LogSink& log) {
  RunPlan run;
  const bool is_auto = config.plan == "auto";
  if (!is_auto) run.plan = load_run_plan(config, graph, work.training);
  warn_of_caps(config, environment, log);
  RunMachine machine = machine_of(config, work, environment, log);
  run.machine = machine.source;
  run.is_assumed = machine.is_assumed;
  run.problem = make_problem(config, graph, work.training, machine.profile);
  run.problem.rules.sequence = work.sequence;
  const int threads = static_cast<int>(*config.device.threads);
  run.problem.rules.update_threads = threads;
  if (is_here(machine, environment)) {
    add_times(work, environment, log, run);
    if (is_auto) share_memory(config, run.problem);
  }
  if (is_auto) {
    run.judgement = AutoRun(run.problem, work, threads).plan();
    run.plan = run.judgement->plan;
    return run;
  }
  try {
    run.judgement = judge(run.problem, run.plan);
  } catch (const std::exception& error) {  // a plan that is impossible is the engine's to refuse
    log.write(LogLevel::kDebug, concat("nothing is predicted: ", error.what()));
  }
  return run;
}

std::string advice_on_drift(const RunPlan& plan,
                            const Prediction& prediction,
                            const OtherLoad& load) {
  if (load.is_much()) return in_words(load);
  if (prediction.mispredicted() == Lane::kCompute && !plan.problem.measured.nodes.empty()) {
    return "`longhaul profile RUN.yaml` measures the model's nodes again";
  }
  if (plan.is_assumed) {
    return "figures of the machine are assumed, `longhaul profile` measures them";
  }
  return concat("`longhaul profile` measures the machine again (now ", plan.machine, ")");
}

}  // namespace longhaul
