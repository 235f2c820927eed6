// How long it takes to lower, place and simulate a step: what a planner pays per candidate.
#include <benchmark/benchmark.h>

#include "longhaul/hardware/profile_file.h"
#include "longhaul/models/model.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/plan/lower.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/schedule/placement.h"
#include "longhaul/sim/simulate.h"

namespace longhaul {
namespace {

const Model& gpt_175b() {
  static const Model model = make_model(
      Json::parse(
          R"({"model_type":"gpt2","vocab_size":50257,"n_positions":1024,"n_ctx":1024,"n_embd":12288,)"
          R"("n_layer":96,"n_head":96,"activation_function":"gelu_new","layer_norm_epsilon":1e-5})",
          "config.json"),
      DType::kBF16);
  return model;
}

const BatchShape kShape{.tokens = 8192, .max_segments = 9, .positions = 1024, .micro_batches = 8};

Plan plan_of_policy(const std::string& policy) {
  Plan plan = make_plan(policy);
  plan.group = 0;
  plan.chunk = std::int64_t{64} << 20;  // 256 MB of fp32
  return plan;
}

LoweredPass lowered(const Plan& plan) {
  return lower(gpt_175b().graph, adamw_format(Precision::kBF16), plan, kShape, Pass::kTrain, 1);
}

void BM_Lower(benchmark::State& state, const std::string& policy) {
  const Plan plan = plan_of_policy(policy);
  std::size_t ops = 0;
  for (auto _ : state) ops = lowered(plan).schedule.ops().size();
  state.counters["ops"] = static_cast<double>(ops);
}

void BM_Place(benchmark::State& state, const std::string& policy) {
  const LoweredPass pass = lowered(plan_of_policy(policy));
  for (auto _ : state) benchmark::DoNotOptimize(place(pass.schedule).peak);
}

void BM_Simulate(benchmark::State& state, const std::string& policy) {
  const PlacedSchedule placed = place(lowered(plan_of_policy(policy)).schedule);
  const CostModel model(load_hardware(LONGHAUL_SOURCE_DIR "/configs/hardware/lohan_rtx4090.yaml"),
                        gpt_175b().graph,
                        kShape,
                        {.sequence = 1024});
  for (auto _ : state) {
    benchmark::DoNotOptimize(simulate(placed, op_costs(placed.schedule, model)).step);
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(placed.schedule.ops().size()));
}

BENCHMARK_CAPTURE(BM_Lower, lohan, "lohan")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Lower, zero_infinity, "zero_infinity")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Place, lohan, "lohan")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Place, zero_infinity, "zero_infinity")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Simulate, lohan, "lohan")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Simulate, zero_infinity, "zero_infinity")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace longhaul
