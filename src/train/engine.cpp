#include "longhaul/train/engine.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/ops/op_table.h"
#include "longhaul/ops/torch_memory.h"
#include "longhaul/runtime/cuda_device.h"

namespace longhaul {
namespace {

// A pass ready to run.
struct Runner {
  PassRequest request;
  std::size_t index;    // of the request; of drains their number
  LoweredPass lowered;  // its schedule lives on in `placed`
  PlacedSchedule placed;
  std::unique_ptr<OpTable> table;
  std::unique_ptr<Executor> executor;
};

std::vector<std::string> node_names(const ModelGraph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  return names;
}

// What the passes of a run may find; without a training pass nothing changes.
std::vector<PassStart> starts_of(const Plan& plan,
                                 const std::vector<PassRequest>& passes,
                                 Pass pass) {
  const bool is_trained = std::any_of(passes.begin(), passes.end(), [](const PassRequest& request) {
    return request.pass == Pass::kTrain;
  });
  std::vector<PassStart> starts;
  for (const Standing& found : standings(plan, pass)) {
    if (is_trained || starts.empty()) starts.push_back({pass, found});
  }
  return starts;
}

// What a GPU has left once the libraries are loaded caps its arena.
void cap_gpu_memory(Caps& caps) {
  warm_cuda_libraries();
  Bytes& cap = caps.bytes[static_cast<std::size_t>(Tier::kDevice)];
  cap = std::min(cap, probe_cuda_device(0).free_for_arena());
}

Bytes largest(const std::vector<Runner>& runners, Tier tier) {
  Bytes size;
  for (const Runner& runner : runners) {
    size = std::max(size, runner.placed.peak[static_cast<std::size_t>(tier)]);
  }
  return size;
}

}  // namespace

struct Engine::Parts {
  Model model;
  EngineOptions options;
  std::unique_ptr<Device> device;  // outlives the executors that run on it
  std::vector<Runner> runners;
  std::array<std::unique_ptr<StateStore>, 2> states;  // [slot]
  const Timeline* last = nullptr;
  const PlacedSchedule* last_placed = nullptr;
  Standing now;

  void run(Runner& runner) {
    last = &runner.executor->run();
    last_placed = &runner.placed;
  }
  std::byte* host(const Runner& runner, BufferId buffer) const {
    return device->base(Tier::kHost) + runner.placed.offsets[buffer.index()].count;
  }
  void add_runner(const PassRequest& request, std::size_t index, const PassStart& start);
  void make_device();
  // That finds the states as they are now.
  Runner& find(Pass pass, std::size_t tokens = 0);
  void fill_constants();
  void stage(const Runner& runner, std::span<const BatchView> batches) const;
  std::vector<float> logits(const Runner& runner) const;
};

Runner& Engine::Parts::find(Pass pass, std::size_t tokens) {
  Runner* best = nullptr;
  for (Runner& runner : runners) {
    const BatchShape& shape = runner.request.shape;
    const bool is_it = runner.request.pass == pass && runner.lowered.start.found == now;
    if (!is_it || static_cast<std::size_t>(shape.tokens) < tokens) continue;
    if (best == nullptr || shape.tokens < best->request.shape.tokens) best = &runner;
  }
  require(best != nullptr, "Engine: no such pass was asked for with ", tokens, " tokens or more");
  return *best;
}

void Engine::Parts::fill_constants() {
  const Runner& any = runners.front();
  const std::int64_t positions = any.request.shape.positions;
  const auto fill = [&](TensorId tensor, const std::vector<float>& values) {
    for (const auto& [id, buffer] : any.lowered.states.constants) {
      if (id != tensor) continue;
      device->write({Tier::kDevice, any.placed.offsets[buffer.index()]},
                    std::as_bytes(std::span(values)));
    }
  };
  for (const RotaryTables& tables : model.rotary) {
    fill(tables.cosines, rotary_cosines(tables, positions));
    fill(tables.sines, rotary_sines(tables, positions));
  }
}

void Engine::Parts::stage(const Runner& runner, std::span<const BatchView> batches) const {
  const BatchShape& shape = runner.request.shape;
  require(batches.size() == static_cast<std::size_t>(shape.micro_batches),
          "Engine: got ",
          batches.size(),
          " micro-batches, expected ",
          shape.micro_batches);
  const BatchInputs& inputs = model.graph.inputs;
  for (const StagedInput& staged : runner.lowered.inputs) {
    const BatchView& batch = batches[static_cast<std::size_t>(staged.micro_batch)];
    std::span<const std::int32_t> values;
    if (staged.tensor == inputs.ids) values = batch.ids;
    if (staged.tensor == inputs.sorted_order) values = batch.sorted_order;
    if (staged.tensor == inputs.positions) values = batch.positions;
    if (staged.tensor == inputs.targets) values = batch.targets;
    if (staged.tensor == inputs.segment_offsets) values = batch.segment_offsets;
    if (staged.tensor == inputs.positions_order) values = batch.positions_order;
    const Tensor& tensor = model.graph[staged.tensor];
    const auto count = static_cast<std::size_t>(element_count(tensor, shape));
    require(values.size() == count,
            "Engine: ",
            tensor.name,
            ": got ",
            values.size(),
            " numbers, expected ",
            count);
    std::memcpy(host(runner, staged.host), values.data(), values.size_bytes());
  }
}

std::vector<float> Engine::Parts::logits(const Runner& runner) const {
  std::vector<float> values(static_cast<std::size_t>(model.vocabulary));
  const std::byte* from = host(runner, runner.lowered.logits);
  if (options.format.weight() == DType::kF32) {
    std::memcpy(values.data(), from, values.size() * sizeof(float));
    return values;
  }
  const auto* bits = reinterpret_cast<const std::uint16_t*>(from);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = from_bf16(bits[i]);
  return values;
}

Engine::Engine(Model model, EngineOptions options)
    : parts_(new Parts{.model = std::move(model), .options = std::move(options)}) {
  Parts& p = *parts_;
  const std::vector<PassRequest>& passes = p.options.passes;
  require(!passes.empty(), "Engine: no pass was asked for");
  const std::int64_t positions = passes.front().shape.positions;
  if (p.options.device == DeviceKind::kCuda) cap_gpu_memory(p.options.caps);
  for (std::size_t i = 0; i < passes.size(); ++i) {
    require(passes[i].shape.positions == positions,
            "Engine: passes with ",
            positions,
            " and ",
            passes[i].shape.positions,
            " positions share no rotary tables");
    for (const PassStart& start : starts_of(p.options.plan, passes, passes[i].pass)) {
      p.add_runner(passes[i], i, start);
    }
    if (passes[i].pass != Pass::kTrain) continue;
    for (const PassStart& start : starts_of(p.options.plan, passes, Pass::kDrain)) {
      p.add_runner({Pass::kDrain, passes[i].shape}, passes.size(), start);
    }
  }
  p.make_device();
  for (const Runner& runner : p.runners) {
    auto& states = p.states[static_cast<std::size_t>(runner.lowered.start.found.slot)];
    if (states != nullptr) continue;
    states = std::make_unique<StateStore>(
        p.model.graph, p.options.format, runner.lowered.states, runner.placed, *p.device);
  }
  p.states.front()->clear();
  p.fill_constants();
}

void Engine::Parts::add_runner(const PassRequest& request,
                               std::size_t index,
                               const PassStart& start) {
  LoweredPass lowered = lower(model.graph,
                              options.format,
                              options.plan,
                              request.shape,
                              start,
                              {options.device, options.threads});
  if (options.tamper) options.tamper(lowered);
  PlacedSchedule placed = place(std::move(lowered.schedule), options.caps);
  runners.push_back({request, index, std::move(lowered), std::move(placed), nullptr, nullptr});
}

void Engine::Parts::make_device() {
  const Bytes on_disk = largest(runners, Tier::kDisk);
  if (on_disk.count > 0 && options.disk.empty()) {
    throw DoesNotFit(concat("disk: the plan keeps ",
                            to_string(on_disk),
                            " there; name a folder for it in limits.disk"));
  }
  const Bytes device_memory = largest(runners, Tier::kDevice);
  const Bytes host_memory = largest(runners, Tier::kHost);
  if (options.device == DeviceKind::kCuda) {
    device = make_cuda_device({.device_memory = device_memory,
                               .host_memory = host_memory,
                               .disk = on_disk,
                               .disk_folders = options.disk,
                               .host_threads = options.threads,
                               .prepare_thread = prepare_torch_thread});
  } else {
    device = make_host_device({.device_memory = device_memory,
                               .host_memory = host_memory,
                               .disk = on_disk,
                               .disk_folders = options.disk,
                               .threads = options.threads,
                               .host_threads = options.threads,
                               .speeds = options.speeds,
                               .prepare_thread = prepare_torch_thread});
  }
  for (Runner& runner : runners) {
    runner.table = make_op_table(options.device, model.graph, options.format, runner.request.shape);
    runner.executor =
        std::make_unique<Executor>(runner.placed, *device, *runner.table, node_names(model.graph));
  }
}

Engine::~Engine() = default;

const Model& Engine::model() const {
  return parts_->model;
}
StateStore& Engine::states() {
  drain();
  return *parts_->states[static_cast<std::size_t>(parts_->now.slot)];
}

StepResults Engine::train(std::span<const BatchView> batches, const StepScalars& scalars) {
  Parts& p = *parts_;
  Runner& runner = p.find(Pass::kTrain);
  p.stage(runner, batches);
  std::memcpy(p.host(runner, runner.lowered.scalars), &scalars, sizeof(scalars));
  p.run(runner);
  StepResults results;
  std::memcpy(&results, p.host(runner, runner.lowered.results), sizeof(results));
  p.now = after_step(p.options.plan, p.now, results);
  return results;
}

void Engine::drain() {
  Parts& p = *parts_;
  if (p.now.pending == Pending::kNothing) return;
  p.run(p.find(Pass::kDrain));
  p.now.pending = Pending::kNothing;
}

double Engine::evaluate(std::span<const BatchView> batches) {
  drain();
  Parts& p = *parts_;
  Runner& runner = p.find(Pass::kEvaluate);
  p.stage(runner, batches);
  const StepScalars scalars{.inverse_target_tokens = 1.0F};
  std::memcpy(p.host(runner, runner.lowered.scalars), &scalars, sizeof(scalars));
  p.run(runner);
  StepResults results;
  std::memcpy(&results, p.host(runner, runner.lowered.results), sizeof(results));
  return results.loss_sum;
}

std::vector<float> Engine::prefill(const BatchView& batch) {
  Parts& p = *parts_;
  Runner& runner = p.find(Pass::kPrefill, batch.ids.size());
  p.stage(runner, {&batch, 1});
  p.run(runner);
  return p.logits(runner);
}

std::vector<float> Engine::decode(std::int32_t token, std::int32_t position) {
  Parts& p = *parts_;
  Runner& runner = p.find(Pass::kDecode);
  static constexpr std::array<std::int32_t, 1> kZero{0};
  static constexpr std::array<std::int32_t, 2> kOffsets{0, 1};
  const BatchView batch{.ids = {&token, 1},
                        .sorted_order = kZero,
                        .positions = {&position, 1},
                        .positions_order = kZero,
                        .targets = kZero,
                        .segment_offsets = kOffsets};
  p.stage(runner, {&batch, 1});
  p.run(runner);
  return p.logits(runner);
}

const Timeline& Engine::last_timeline() const {
  require(parts_->last != nullptr, "Engine: no pass has run yet");
  return *parts_->last;
}

const PlacedSchedule& Engine::last_schedule() const {
  require(parts_->last_placed != nullptr, "Engine: no pass has run yet");
  return *parts_->last_placed;
}

const PlacedSchedule& Engine::schedule(std::size_t pass) const {
  const auto found = std::find_if(parts_->runners.begin(),
                                  parts_->runners.end(),
                                  [&](const Runner& runner) { return runner.index == pass; });
  require(found != parts_->runners.end(), "Engine: no pass ", pass);
  return found->placed;
}

TierUse Engine::use_of(Tier tier) const {
  TierUse use{.whole = parts_->device->capacity(tier), .across_steps = {}};
  for (const Runner& runner : parts_->runners) {
    const Bytes persistent = runner.placed.persistent[static_cast<std::size_t>(tier)];
    use.across_steps = std::max(use.across_steps, persistent);
  }
  return use;
}

}  // namespace longhaul
