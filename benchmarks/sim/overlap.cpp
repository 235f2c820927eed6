// The simulator against the runtime: schedules run on a paced device, where every op takes the time
// that a machine of stated rates would need, against the simulation of the same schedule.
//
//     overlap [ROUNDS] [STRETCH]     writes a page of Markdown to standard output
//
// A second of the machine takes STRETCH seconds (0.25; in the last table 0.4 of that): the busier
// the machine that runs this, the larger it must be for its wake-ups not to count.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/models/model.h"
#include "longhaul/plan/lower.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/runtime/paced.h"
#include "longhaul/sim/simulate.h"

namespace longhaul {
namespace {

// An RTX 4090 with twelve drives, as far as it is published or fitted to what is.
HardwareProfile server() {
  return load_hardware(LONGHAUL_SOURCE_DIR "/configs/hardware/emulated_server.yaml");
}

Model gpt2_like(int layers, int width, int heads) {
  const std::string config = fmt::format(
      R"({{"model_type":"gpt2","vocab_size":50257,"n_positions":1024,"n_ctx":1024,"n_embd":{},)"
      R"("n_layer":{},"n_head":{},"activation_function":"gelu_new","layer_norm_epsilon":1e-5}})",
      width,
      layers,
      heads);
  return make_model(Json::parse(config, "config.json"), DType::kBF16);
}

struct Measured {
  double predicted;  // seconds
  double step;       // seconds, median of the rounds
  Lane busiest;
  double use;  // of the busiest lane
};

// The paced device gives every op the time that it takes alone, and has one disk.
OpCosts as_paced(OpCosts costs) {
  for (OpCost& cost : costs.ops) {
    for (std::size_t r = 0; r < kResourceCount; ++r) {
      if (static_cast<Resource>(r) != Resource::kDisk) cost.demand[r] = 0.0F;
    }
  }
  return costs;
}

Measured measure(const Model& model,
                 const Plan& plan,
                 const BatchShape& shape,
                 const HardwareProfile& machine,
                 double speedup,
                 int rounds) {
  LoweredPass pass =
      lower(model.graph, adamw_format(Precision::kBF16), plan, shape, Pass::kTrain, 1);
  const PlacedSchedule placed = place(std::move(pass.schedule));
  const OpCosts costs = as_paced(op_costs(
      placed.schedule, CostModel(machine, model.graph, shape, {.sequence = shape.positions})));
  const Simulation simulated = simulate(placed, costs);
  const Lane busiest = busiest_lane(simulated);
  Measured result{
      .predicted = simulated.step.value,
      .step = 0.0,
      .busiest = busiest,
      .use = simulated.busy[static_cast<std::size_t>(busiest)].value / simulated.step.value};
  std::vector<Seconds> durations;
  for (const OpCost& cost : costs.ops) durations.push_back(cost.alone);
  const Paced paced = make_paced(placed, durations, speedup, true);
  Executor executor(paced.placed, *paced.device, *paced.table);
  std::vector<double> steps;
  for (int round = 0; round < rounds; ++round) {
    steps.push_back(makespan(executor.run()).value * speedup);
  }
  std::nth_element(steps.begin(), steps.begin() + rounds / 2, steps.end());
  result.step = steps[static_cast<std::size_t>(rounds / 2)];
  return result;
}

struct Machine {
  const char* name;
  std::function<void(HardwareProfile&)> change;
};

void slow_compute(HardwareProfile& machine, double forward, double backward) {
  for (ComputeRates* rates : {&machine.device.bf16, &machine.device.fp32}) {
    rates->products = scaled(rates->products, 1.0 / forward);
    rates->attention = scaled(rates->attention, 1.0 / forward);
    rates->products_backward = scaled(rates->products_backward, 1.0 / backward);
    rates->attention_backward = scaled(rates->attention_backward, 1.0 / backward);
  }
}

void slow_link(HardwareProfile& machine, double up, double down) {
  machine.link.to_device = scaled(machine.link.to_device, 1.0 / up);
  machine.link.to_host = scaled(machine.link.to_host, 1.0 / down);
}

void slow_optimizer(HardwareProfile& machine, double factor) {
  for (auto& point : machine.host.optimizer.points) point.rate.value.rate /= factor;
}

void slow_disks(HardwareProfile& machine, double read, double write) {
  for (DiskProfile& disk : machine.storage.disks) {
    for (DiskRate& rate : disk.read) rate.rate.value.rate /= read;
    for (DiskRate& rate : disk.write) rate.rate.value.rate /= write;
  }
}

void set_drives(HardwareProfile& machine, int count) {
  machine.storage.disks.front().count = count;
}

std::vector<Machine> machines() {
  return {{"as published", [](HardwareProfile&) {}},
          {"slow GPU", [](HardwareProfile& m) { slow_compute(m, 8, 8); }},
          {"slow GPU, backward only", [](HardwareProfile& m) { slow_compute(m, 1, 12); }},
          {"slow link up", [](HardwareProfile& m) { slow_link(m, 12, 1); }},
          {"slow link down", [](HardwareProfile& m) { slow_link(m, 1, 12); }},
          {"slow link, both ways", [](HardwareProfile& m) { slow_link(m, 10, 10); }},
          {"slow optimizer", [](HardwareProfile& m) { slow_optimizer(m, 8); }},
          {"very slow optimizer", [](HardwareProfile& m) { slow_optimizer(m, 30); }},
          {"slow disk reads", [](HardwareProfile& m) { slow_disks(m, 16, 1); }},
          {"slow disk writes", [](HardwareProfile& m) { slow_disks(m, 1, 10); }},
          {"one drive", [](HardwareProfile& m) { set_drives(m, 1); }},
          {"slow link, slow optimizer, one drive", [](HardwareProfile& m) {
             set_drives(m, 1);
             slow_link(m, 6, 6);
             slow_optimizer(m, 6);
           }}};
}

// What the machines run: shapes and plans in which different lanes carry the load.
struct Work {
  const char* name;
  int batch;          // sequences of a micro-batch
  int micro_batches;  // of a step
  Plan plan;
};

std::vector<Work> works() {
  Plan stream = lohan_plan(UpdateOrder::kOptimized);
  stream.chunk = std::int64_t{32} << 20;
  stream.saved = {{"*attn*", {}, SavedAction::kHost}, {"*", {}, SavedAction::kRecompute}};
  Plan vertical = lohan_plan(UpdateOrder::kOptimized);
  vertical.chunk = std::int64_t{32} << 20;
  vertical.group = 0;
  Plan deferred = zero_infinity_plan();
  deferred.chunk = std::int64_t{32} << 20;
  deferred.order = UpdateOrder::kOptimized;
  deferred.update = UpdateTime::kInNextForward;
  deferred.blocks.states.ram_share = 0.5;
  deferred.blocks.weights.ram_share = 0.5;
  return {{"updates in backward, one micro-batch of 8", 8, 1, stream},
          {"updates in backward, 4 micro-batches of 4, vertical", 4, 4, vertical},
          {"updates in the next forward, half of the states in RAM, batch 16", 16, 1, deferred}};
}

void write_row(const std::string& name, const Measured& m) {
  std::cout << fmt::format("| {} | {} ({:.0f} %) | {:.2f} | {:.2f} | {:.3f} |\n",
                           name,
                           name_of(m.busiest),
                           100.0 * m.use,
                           m.predicted,
                           m.step,
                           m.step / m.predicted)
            << std::flush;
}

void write_head(const std::string& title, const char* first) {
  std::cout << fmt::format(
      "\n## {}\n\n| {} | busiest lane (use) | predicted, s | measured, s | ratio |\n"
      "|---|---|---|---|---|\n",
      title,
      first);
}

BatchShape shape_of(int batch, int micro_batches) {
  constexpr int kSequence = 1024;
  return {.tokens = static_cast<std::int64_t>(batch) * kSequence,
          .max_segments = batch + 1,
          .positions = kSequence,
          .micro_batches = micro_batches};
}

// One row of the page. Configurations run at the same time: they sleep, and do not meet.
struct Row {
  std::string name;
  std::future<Measured> measured;
};

struct Section {
  std::string title;
  const char* first;
  std::vector<Row> rows;
};

template <class Function>
std::future<Measured> start(Function function) {
  return std::async(std::launch::async, std::move(function));
}

std::vector<Section> start_all(int rounds, double stretch) {
  std::vector<Section> sections;
  const auto small = std::make_shared<Model>(gpt2_like(6, 5120, 40));
  for (const Work& work : works()) {
    Section section{fmt::format("6 layers of a 13B model, {}", work.name), "machine", {}};
    for (const Machine& change : machines()) {
      section.rows.push_back({change.name, start([=] {
                                HardwareProfile machine = server();
                                change.change(machine);
                                const BatchShape shape = shape_of(work.batch, work.micro_batches);
                                return measure(
                                    *small, work.plan, shape, machine, 1.0 / stretch, rounds);
                              })});
    }
    sections.push_back(std::move(section));
  }
  Section ablation{"LoHan's ablation, 13B, twelve drives", "batch, order", {}};
  const auto large = std::make_shared<Model>(gpt2_like(40, 5120, 40));
  for (const int batch : {8, 16, 32, 64}) {
    for (const std::string policy : {"lohan_serial", "lohan_naive", "lohan"}) {
      ablation.rows.push_back(
          {fmt::format("{}, {}", batch, policy), start([=] {
             Plan plan = make_plan(policy);
             plan.chunk = std::int64_t{256} << 20;
             return measure(*large, plan, shape_of(batch, 1), server(), 2.5 / stretch, rounds);
           })});
    }
  }
  sections.push_back(std::move(ablation));
  return sections;
}

void write_page(int rounds, double stretch) {
  std::vector<double> errors;
  for (Section& section : start_all(rounds, stretch)) {
    write_head(section.title, section.first);
    for (Row& row : section.rows) {
      const Measured measured = row.measured.get();
      write_row(row.name, measured);
      errors.push_back(std::abs(measured.predicted / measured.step - 1.0));
    }
  }
  std::sort(errors.begin(), errors.end());
  std::cout << fmt::format("\n{} configurations: median error {:.1f} %, worst {:.1f} %.\n",
                           errors.size(),
                           100.0 * errors[errors.size() / 2],
                           100.0 * errors.back());
}

}  // namespace
}  // namespace longhaul

int main(int argc, char** argv) {
  try {
    longhaul::write_page(argc > 1 ? std::atoi(argv[1]) : 5, argc > 2 ? std::atof(argv[2]) : 0.25);
    return 0;
  } catch (const longhaul::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
