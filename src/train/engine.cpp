#include "longhaul/train/engine.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/ops/op_table.h"
#include "longhaul/ops/torch_memory.h"

namespace longhaul {
namespace {

// A pass ready to run.
struct Runner {
  PassRequest request;
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

// Updates in the next forward make a step of three: the first one, the steady one, the drain.
void add_pending_passes(std::vector<PassRequest>& passes) {
  const auto training = std::find_if(passes.begin(), passes.end(), [](const PassRequest& request) {
    return request.pass == Pass::kTrain;
  });
  if (training == passes.end()) return;
  const BatchShape shape = training->shape;
  passes.push_back({Pass::kFirst, shape});
  passes.push_back({Pass::kDrain, shape});
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
  std::unique_ptr<StateStore> states;
  const Timeline* last = nullptr;
  const PlacedSchedule* last_placed = nullptr;
  bool is_pending = false;  // updates of the step before are still to come

  void run(Runner& runner) {
    last = &runner.executor->run();
    last_placed = &runner.placed;
  }
  std::byte* host(const Runner& runner, BufferId buffer) const {
    return device->base(Tier::kHost) + runner.placed.offsets[buffer.index()].count;
  }
  Runner& find(Pass pass, std::size_t tokens = 0);
  void fill_constants();
  void stage(const Runner& runner, std::span<const BatchView> batches) const;
  std::vector<float> logits(const Runner& runner) const;
};

Runner& Engine::Parts::find(Pass pass, std::size_t tokens) {
  Runner* best = nullptr;
  for (Runner& runner : runners) {
    const BatchShape& shape = runner.request.shape;
    if (runner.request.pass != pass || static_cast<std::size_t>(shape.tokens) < tokens) continue;
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
  require(!p.options.passes.empty(), "Engine: no pass was asked for");
  const std::int64_t positions = p.options.passes.front().shape.positions;
  if (p.options.plan.update == UpdateTime::kInNextForward) add_pending_passes(p.options.passes);
  for (const PassRequest& request : p.options.passes) {
    require(request.shape.positions == positions,
            "Engine: passes with ",
            positions,
            " and ",
            request.shape.positions,
            " positions share no rotary tables");
    LoweredPass lowered = lower(p.model.graph,
                                p.options.format,
                                p.options.plan,
                                request.shape,
                                request.pass,
                                p.options.threads);
    if (p.options.tamper) p.options.tamper(lowered);
    PlacedSchedule placed = place(std::move(lowered.schedule), p.options.caps);
    p.runners.push_back({request, std::move(lowered), std::move(placed), nullptr, nullptr});
  }
  const Bytes on_disk = largest(p.runners, Tier::kDisk);
  if (on_disk.count > 0 && p.options.disk.empty()) {
    throw DoesNotFit(concat("disk: the plan keeps ",
                            to_string(on_disk),
                            " there; name a folder for it in limits.disk"));
  }
  p.device = make_host_device({.device_memory = largest(p.runners, Tier::kDevice),
                               .host_memory = largest(p.runners, Tier::kHost),
                               .disk = on_disk,
                               .disk_folders = p.options.disk,
                               .threads = p.options.threads,
                               .host_threads = p.options.threads,
                               .speeds = p.options.speeds,
                               .prepare_thread = prepare_torch_thread});
  for (Runner& runner : p.runners) {
    runner.table = make_host_op_table(p.model.graph, p.options.format, runner.request.shape);
    runner.executor = std::make_unique<Executor>(
        runner.placed, *p.device, *runner.table, node_names(p.model.graph));
  }
  p.states = std::make_unique<StateStore>(p.model.graph,
                                          p.options.format,
                                          p.runners.front().lowered.states,
                                          p.runners.front().placed,
                                          *p.device);
  p.states->clear();
  p.fill_constants();
}

Engine::~Engine() = default;

const Model& Engine::model() const {
  return parts_->model;
}
StateStore& Engine::states() {
  drain();
  return *parts_->states;
}

StepResults Engine::train(std::span<const BatchView> batches, const StepScalars& scalars) {
  Parts& p = *parts_;
  const bool is_late = p.options.plan.update == UpdateTime::kInNextForward;
  Runner& runner = p.find(is_late && !p.is_pending ? Pass::kFirst : Pass::kTrain);
  p.stage(runner, batches);
  std::memcpy(p.host(runner, runner.lowered.scalars), &scalars, sizeof(scalars));
  p.run(runner);
  p.is_pending = is_late;
  StepResults results;
  std::memcpy(&results, p.host(runner, runner.lowered.results), sizeof(results));
  return results;
}

void Engine::drain() {
  Parts& p = *parts_;
  if (!p.is_pending) return;
  p.run(p.find(Pass::kDrain));
  p.is_pending = false;
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
  return parts_->runners.at(pass).placed;
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
