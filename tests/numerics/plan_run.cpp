#include "plan_run.h"

#include <cstring>
#include <limits>
#include <map>

#include "longhaul/core/philox.h"

#include "support/golden_model.h"
#include "support/temporary_folder.h"
#include "support/tested_device.h"

namespace longhaul::test {
namespace {

// Of settings that clip: two steps are within their limit, two are not, one is not finite.
constexpr std::array<double, kSteps> kLimits{100.0, 1.0, 1.0, 100.0, 1.0};
constexpr int kBadStep = 2;

// Wide enough that a layer is several chunks of 65,536 elements and a table more than one.
Json widened(const Json& config) {
  const std::map<std::string, int> wide{
      {"hidden_size", 128}, {"intermediate_size", 384}, {"head_dim", 32}, {"vocab_size", 640}};
  Json::Members members = config.members();
  for (auto& [key, value] : members) {
    const auto found = wide.find(key);
    if (found != wide.end()) value = Json(found->second);
  }
  return Json::make_object(members, "widened config.json");
}

Model model_of(const Setting& setting, const GoldenModel& golden) {
  Model model = make_model(widened(golden.config),
                           setting.precision == Precision::kF32 ? DType::kF32 : DType::kBF16);
  for (Tensor& tensor : model.graph.tensors) {
    const bool is_query = tensor.name.find("q_proj") != std::string::npos;
    const bool is_frozen = setting.freezes && (is_query || tensor.shape.size() == 1);
    if (is_frozen) tensor.is_trainable = false;
  }
  tile_head(model.graph, setting.head_tile_rows);
  return model;
}

// Four sequences, dealt evenly to the micro-batches.
std::vector<PackedBatch> batches_of(const GoldenModel& golden, const Setting& setting, int step) {
  const Json batch = golden.expected.at("batches").at(static_cast<std::size_t>(step % 2));
  const std::size_t share = 4 / static_cast<std::size_t>(setting.micro_batches);
  std::vector<PackedBatch> packed;
  for (std::size_t m = 0; m < static_cast<std::size_t>(setting.micro_batches); ++m) {
    packed.push_back(pack(batch, m * share, (m + 1) * share, shape_of(setting)));
  }
  return packed;
}

// Gains are one, matrices normal.
void fill_weights(Engine& engine) {
  const Model& model = engine.model();
  StateStore& states = engine.states();
  for (const ParameterSource& source : model.sources) {
    const Tensor& parameter = model.graph[source.parameter];
    std::vector<float> values(static_cast<std::size_t>(element_count(parameter, {})), 1.0F);
    if (parameter.shape.size() > 1) {
      const Philox numbers(source.parameter.index(), 0x57656967);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.05F * numbers.normal(i);
    }
    states.write_master(source.parameter, values);
  }
}

void add_states(Engine& engine, Outcome& outcome) {
  const ModelGraph& graph = engine.model().graph;
  StateStore& states = engine.states();
  for (const ParameterSource& source : engine.model().sources) {
    std::vector<float> values(static_cast<std::size_t>(element_count(graph[source.parameter], {})));
    states.read_master(source.parameter, values);
    outcome.numbers.insert(outcome.numbers.end(), values.begin(), values.end());
    if (!graph[source.parameter].is_trainable) continue;
    for (const char* moment : {"momentum", "variance"}) {
      states.read_moment(source.parameter, moment, values);
      outcome.numbers.insert(outcome.numbers.end(), values.begin(), values.end());
    }
  }
}

}  // namespace

std::string Setting::name() const {
  return model + (precision == Precision::kF32 ? "_fp32_" : "_bf16_") +
         std::to_string(micro_batches) + (clips ? "_clipped" : "") + (freezes ? "_frozen" : "") +
         (head_tile_rows > 0 ? "_tiled" : "");
}

ModelGraph graph_of(const Setting& setting) {
  return model_of(setting, load_golden_model(setting.model)).graph;
}

BatchShape shape_of(const Setting& setting) {
  return {.tokens = setting.micro_batches == 1 ? 160 : 96,
          .max_segments = 6,
          .positions = 160,
          .micro_batches = setting.micro_batches};
}

Outcome run(const Setting& setting,
            const Plan& plan,
            const std::function<void(LoweredPass&)>& tamper,
            const std::array<LaneSpeed, kLaneCount>& speeds) {
  static const TemporaryFolder folder;
  const GoldenModel golden = load_golden_model(setting.model);
  Engine engine(model_of(setting, golden),
                {.format = adamw_format(setting.precision),
                 .plan = plan,
                 .passes = {{Pass::kTrain, shape_of(setting)}},
                 .device = tested_device(),
                 .threads = 2,
                 .disk = {{folder.path(), 1_GiB}},
                 .speeds = speeds,
                 .tamper = tamper});
  fill_weights(engine);
  Outcome outcome;
  BetaPowers powers;
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<PackedBatch> packed = batches_of(golden, setting, step);
    std::vector<BatchView> views;
    std::int64_t targets = 0;
    for (const PackedBatch& one : packed) {
      views.push_back(one.view());
      targets += one.target_tokens;
    }
    StepScalars scalars;
    scalars.adamw = {.learning_rate = 1e-2 / (1 + step), .weight_decay = 0.01};
    scalars.powers = advance(powers, scalars.adamw);
    scalars.max_grad_norm = setting.clips ? kLimits[static_cast<std::size_t>(step)] : 0.0;
    scalars.inverse_target_tokens = setting.clips && step == kBadStep
                                        ? std::numeric_limits<float>::infinity()
                                        : 1.0F / static_cast<float>(targets);
    const StepResults results = engine.train(views, scalars);
    if (results.is_skipped == 0) powers = scalars.powers;
    outcome.numbers.push_back(static_cast<float>(results.loss_sum));
    if (results.is_skipped == 0) {
      outcome.numbers.push_back(static_cast<float>(results.gradient_norm));
    }
    outcome.clipped += results.clip < 1.0F && results.is_skipped == 0 ? 1 : 0;
    outcome.skipped += results.is_skipped != 0 ? 1 : 0;
  }
  add_states(engine, outcome);
  return outcome;
}

const Outcome& resident(const Setting& setting) {
  static std::map<std::string, Outcome> outcomes;
  const auto [found, is_new] = outcomes.try_emplace(setting.name());
  if (is_new) found->second = run(setting, Plan{});
  return found->second;
}

bool is_same(const Outcome& a, const Outcome& b) {
  return a.numbers.size() == b.numbers.size() &&
         std::memcmp(a.numbers.data(), b.numbers.data(), a.numbers.size() * sizeof(float)) == 0;
}

}  // namespace longhaul::test
