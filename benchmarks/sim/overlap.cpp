// How well the executor overlaps: schedules run on a paced device, where every op takes the time a
// machine of stated rates would need, against the critical path of the same schedule.
//
//     overlap [ROUNDS]     writes a page of Markdown to standard output
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include <fmt/format.h>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/models/model.h"
#include "longhaul/plan/lower.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/runtime/paced.h"
#include "longhaul/sim/rates.h"
#include "longhaul/sim/replay.h"

namespace longhaul {
namespace {

constexpr double kGiga = 1e9;

BytesPerSecond gigabytes(double rate) {
  return {rate * kGiga};
}

// An RTX 4090 with twelve drives, as far as it is published or fitted to what is.
MachineRates server(int drives) {
  const double read = 1.0 / (1.0 / (drives * 7.15) + 1.0 / 31.2);
  const double write = 1.0 / (1.0 / (drives * 3.74) + 1.0 / 31.2);
  return {.forward = {160.3e12},
          .backward = {113e12},
          .device_memory = gigabytes(800),
          .host_memory = gigabytes(150),
          .host_updates = 2.63e9,
          .copies = {gigabytes(800),
                     gigabytes(21),
                     gigabytes(21),
                     gigabytes(150),
                     gigabytes(read),
                     gigabytes(write)},
          .copy_latency = {20e-6}};
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
  double path;  // seconds
  double step;  // seconds, median of the rounds
  Lane busiest;
  double use;  // of the busiest lane
};

Measured measure(const Model& model,
                 const Plan& plan,
                 int batch,
                 const MachineRates& rates,
                 double speedup,
                 int rounds) {
  constexpr int kSequence = 1024;
  const BatchShape shape{.tokens = static_cast<std::int64_t>(batch) * kSequence,
                         .max_segments = batch + 1,
                         .positions = kSequence};
  LoweredPass pass =
      lower(model.graph, adamw_format(Precision::kBF16), plan, shape, Pass::kTrain, 1);
  const std::vector<Seconds> durations =
      op_durations(model.graph, pass.schedule, shape, kSequence, rates);
  PlacedSchedule placed = place(std::move(pass.schedule));
  const Timeline replayed = replay(placed.schedule, durations);
  const auto busy = busy_time(placed.schedule, replayed);
  const auto most = std::max_element(busy.begin(), busy.end());
  Measured result{.path = makespan(replayed).value,
                  .step = 0.0,
                  .busiest = static_cast<Lane>(most - busy.begin()),
                  .use = most->value / makespan(replayed).value};
  const Paced paced = make_paced(placed, durations, speedup);
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
  std::function<void(MachineRates&)> change;
};

std::size_t index_of(Lane lane) {
  return static_cast<std::size_t>(lane);
}

std::vector<Machine> machines() {
  const auto slow = [](Lane lane, double factor) {
    return [=](MachineRates& rates) { rates.copies[index_of(lane)].rate /= factor; };
  };
  return {
      {"as published", [](MachineRates&) {}},
      {"slow GPU",
       [](MachineRates& r) {
         r.forward.rate /= 8;
         r.backward.rate /= 8;
       }},
      {"slow GPU, backward only", [](MachineRates& r) { r.backward.rate /= 12; }},
      {"slow link up", slow(Lane::kH2d, 12)},
      {"slow link down", slow(Lane::kD2h, 12)},
      {"slow link, both ways",
       [](MachineRates& r) {
         r.copies[index_of(Lane::kH2d)].rate /= 10;
         r.copies[index_of(Lane::kD2h)].rate /= 10;
       }},
      {"slow optimizer", [](MachineRates& r) { r.host_updates /= 8; }},
      {"very slow optimizer", [](MachineRates& r) { r.host_updates /= 30; }},
      {"slow disk reads", slow(Lane::kDiskRead, 6)},
      {"slow disk writes", slow(Lane::kDiskWrite, 6)},
      {"one drive", [](MachineRates& r) { r.copies = server(1).copies; }},
      {"slow link, slow optimizer, one drive",
       [](MachineRates& r) {
         r.copies = server(1).copies;
         r.copies[index_of(Lane::kH2d)].rate /= 6;
         r.copies[index_of(Lane::kD2h)].rate /= 6;
         r.host_updates /= 6;
       }},
  };
}

Plan streaming_plan() {
  Plan plan = lohan_plan(UpdateOrder::kOptimized);
  plan.chunk = std::int64_t{32} << 20;
  plan.saved = {{"*attn*", {}, SavedAction::kHost}, {"*", {}, SavedAction::kRecompute}};
  return plan;
}

void write_row(const std::string& name, const Measured& m) {
  std::cout << fmt::format("| {} | {} ({:.0f} %) | {:.2f} | {:.2f} | {:.3f} |\n",
                           name,
                           name_of(m.busiest),
                           100.0 * m.use,
                           m.path,
                           m.step,
                           m.step / m.path)
            << std::flush;
}

void write_page(int rounds) {
  std::cout
      << "## Machines in which each lane binds in turn\n\n"
         "6 layers of a 13B model, batch 8, updates in backward, states and weights on disk.\n\n"
         "| machine | busiest lane (use) | critical path, s | measured, s | ratio |\n"
         "|---|---|---|---|---|\n";
  const Model small = gpt2_like(6, 5120, 40);
  for (const Machine& machine : machines()) {
    MachineRates rates = server(12);
    machine.change(rates);
    write_row(machine.name, measure(small, streaming_plan(), 8, rates, 4.0, rounds));
  }
  std::cout << "\n## LoHan's ablation, 13B, twelve drives\n\n"
               "| batch, order | busiest lane (use) | critical path, s | measured, s | ratio |\n"
               "|---|---|---|---|---|\n";
  const Model large = gpt2_like(40, 5120, 40);
  for (const int batch : {8, 16, 32, 64}) {
    for (const char* policy : {"lohan_serial", "lohan_naive", "lohan"}) {
      Plan plan = make_plan(policy);
      plan.chunk = std::int64_t{256} << 20;
      write_row(fmt::format("{}, {}", batch, policy),
                measure(large, plan, batch, server(12), 20.0, std::min(rounds, 3)));
    }
  }
}

}  // namespace
}  // namespace longhaul

int main(int argc, char** argv) {
  try {
    longhaul::write_page(argc > 1 ? std::atoi(argv[1]) : 5);
    return 0;
  } catch (const longhaul::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
