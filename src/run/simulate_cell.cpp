#include <algorithm>
#include <filesystem>

#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/input_file.h"
#include "longhaul/planner/auto_plan.h"
#include "longhaul/planner/published.h"
#include "longhaul/run/plan_problem.h"
#include "longhaul/run/run_folder.h"
#include "longhaul/run/run_plan.h"

#include "cell.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;

HardwareProfile machine_of(const SweepCell& cell) {
  HardwareProfile machine = load_hardware(*cell.config.hardware);
  if (!cell.drives) return machine;
  if (machine.storage.disks.empty()) {
    throw ConfigError(concat(*cell.config.hardware, ": has no disk, expected one for grid.drives"));
  }
  machine.storage.disks.front().count = static_cast<int>(*cell.drives);
  return machine;
}

void check_tier(const char* name, Bytes needs, Bytes cap) {
  if (needs <= cap) return;
  throw DoesNotFit(concat(name, " memory: needs ", to_string(needs), ", has ", to_string(cap)));
}

// The form that the literature's systems were described for.
GptShape gpt_shape(const RunConfig& config) {
  const fs::path path(config.model);
  const std::string file =
      (fs::is_directory(path) ? find_model_folder(path) / "config.json" : path).string();
  const Json json = Json::parse(read_text_file(file), file);
  if (json.string_or("model_type", "") != "gpt2") {
    throw ConfigError(concat(file,
                             ": is no GPT-2, and the systems of the literature are known for "
                             "that form only"));
  }
  return {.layers = static_cast<int>(json.as_int("n_layer")),
          .width = json.as_int("n_embd"),
          .vocabulary = json.as_int("vocab_size"),
          .sequence = config.data.max_length};
}

CellResult simulate_published(const SweepCell& cell, const HardwareProfile& machine) {
  const RunConfig& config = cell.config;
  const GptShape shape = gpt_shape(config);
  const std::int64_t batch =
      std::max<std::int64_t>(1, config.batch.tokens_per_step / shape.sequence);
  const PublishedStep steps = published_step(*cell.system, shape, static_cast<int>(batch), machine);
  check_tier("host", steps.host, config.limits.host_memory.value_or(machine.host.memory.value));
  CellResult result{.step = steady_step(steps),
                    .tokens = static_cast<double>(batch * shape.sequence)};
  result.peak[static_cast<std::size_t>(Tier::kHost)] = steps.host;
  return result;
}

Judgement judge_run(const RunConfig& config, const Problem& problem) {
  if (config.plan == "auto") {
    AutoPlan plan = make_auto_plan(problem);
    if (!plan.best) throw DoesNotFit(plan.refusal);
    return *plan.best;
  }
  Judgement judgement = judge(problem, load_run_plan(config, problem.graph, problem.shape));
  for (std::size_t t = 0; t < kTierCount; ++t) {
    check_tier(name_of(static_cast<Tier>(t)), judgement.peak[t], problem.caps.bytes[t]);
  }
  return judgement;
}

}  // namespace

RunConfig prepare_cell(const SweepCell& cell, const fs::path& folder) {
  RunConfig config = cell.config;
  config.output = folder.string();
  if (!cell.swap_bytes) return config;
  // Beside the folder: a run begins in an empty one.
  fs::create_directories(folder.parent_path());
  const std::string file = folder.string() + ".plan.yaml";
  write_text_file(file,
                  concat("policy: ", config.plan, "\nswap_bytes: ", cell.swap_bytes->count, "\n"));
  config.plan = file;
  return config;
}

CellResult simulate_cell(const SweepCell& cell, const fs::path& folder) {
  const HardwareProfile machine = machine_of(cell);
  if (cell.system) return simulate_published(cell, machine);
  const RunConfig config = prepare_cell(cell, folder);
  const Problem problem = make_problem_with_disks(
      config, load_model_shape(config.model, precision_of(config, machine)), machine);
  const Judgement judgement = judge_run(config, problem);
  return {.step = judgement.step,
          .tokens = static_cast<double>(problem.shape.tokens * problem.shape.micro_batches),
          .busy = judgement.busy,
          .peak = judgement.peak};
}

}  // namespace longhaul
