#include "longhaul/run/plan_problem.h"

#include <algorithm>
#include <filesystem>

#include "longhaul/core/error.h"
#include "longhaul/io/input_file.h"
#include "longhaul/planner/auto_plan.h"
#include "longhaul/run/environment.h"
#include "longhaul/run/run_folder.h"

namespace longhaul {
namespace {

// A processor's own memory is a part of the same.
Bytes whole_memory(const HardwareProfile& machine) {
  const bool is_host = machine.device.kind == DeviceKind::kHost;
  return machine.host.memory.value + (is_host ? machine.device.memory.value : Bytes{});
}

Caps run_caps(const RunConfig& config, const HardwareProfile& machine) {
  constexpr Bytes kContext = 512_MiB;
  Caps caps = caps_of(machine, whole_memory(machine) - usable_memory(machine));
  if (machine.device.kind == DeviceKind::kCuda) caps.bytes[0] = caps.bytes[0] - kContext;
  if (config.device.memory) caps.bytes[0] = *config.device.memory;
  if (config.limits.host_memory) caps.bytes[1] = *config.limits.host_memory;
  caps.bytes[2] = {};
  for (const DiskLimit& disk : config.limits.disk) caps.bytes[2] += disk.capacity;
  return caps;
}

}  // namespace

Bytes usable_memory(const HardwareProfile& machine) {
  constexpr Bytes kMostOfTheSystem{8'000'000'000};
  const Bytes all = whole_memory(machine);
  return all - std::min(Bytes{all.count / 10}, kMostOfTheSystem);
}

Precision precision_of(const RunConfig& config, const HardwareProfile& machine) {
  if (config.training.precision) return *config.training.precision;
  if (machine.device.kind == DeviceKind::kCuda) return Precision::kBF16;
  return probe_environment().has_fast_bf16() ? Precision::kBF16 : Precision::kF32;
}

Model load_model_shape(const std::string& path, Precision precision) {
  namespace fs = std::filesystem;
  const fs::path file =
      fs::is_directory(path) ? find_model_folder(path) / "config.json" : fs::path(path);
  const DType dtype = precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
  return make_model(Json::parse(read_text_file(file.string()), file.string()), dtype);
}

Problem make_problem(const RunConfig& config,
                     ModelGraph graph,
                     const BatchShape& shape,
                     const HardwareProfile& machine) {
  Problem problem;
  problem.graph = std::move(graph);
  problem.format = adamw_format(precision_of(config, machine));
  problem.shape = shape;
  problem.clips = config.training.max_grad_norm.has_value() ||
                  config.training.on_nonfinite == OnNonfinite::kSkip;
  problem.clip_share = usual_clip_share(problem.graph);
  problem.write_price = config.limits.write_price;
  problem.machine = machine;
  problem.rules.sequence = shape.positions;
  if (config.device.threads) {
    problem.rules.compute_threads = static_cast<int>(*config.device.threads);
  }
  problem.caps = run_caps(config, machine);
  return problem;
}

Problem make_problem(const RunConfig& config, Model model, const HardwareProfile& machine) {
  if (config.batch.head_tile_rows) tile_head(model.graph, *config.batch.head_tile_rows);
  const std::int64_t step = config.batch.tokens_per_step;
  const std::int64_t length = std::min({config.data.max_length, model.max_positions, step});
  BatchShape shape{.tokens = config.batch.tokens_per_micro_batch.value_or(step),
                   .max_segments = step / length + 1,
                   .positions = length};
  Problem problem = make_problem(config, std::move(model.graph), shape, machine);
  if (!config.batch.tokens_per_micro_batch) shape.tokens = choose_micro_batch(problem, length);
  shape.micro_batches = static_cast<int>(step / shape.tokens);
  shape.max_segments = shape.tokens / length + 1;
  problem.shape = shape;
  return problem;
}

Problem make_problem_with_disks(RunConfig config, Model model, const HardwareProfile& machine) {
  if (!machine.storage.disks.empty() && config.limits.disk.empty()) {
    config.limits.disk.push_back({"", capacity(machine.storage)});
  }
  return make_problem(config, std::move(model), machine);
}

}  // namespace longhaul
