// What placement and checks promise, on the schedules that policies and shipped plans make for
// models that people train.
#include <algorithm>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/backward.h"
#include "longhaul/models/model.h"
#include "longhaul/plan/lower.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/schedule/order.h"
#include "longhaul/schedule/placement.h"

#include "support/sanitizer.h"

namespace longhaul {
namespace {

struct Shape {
  const char* name;
  const char* config;  // without the number of layers
  const char* layers_key;
  int layers;
};

constexpr Shape kSmolLm2{"SmolLM2_135M",
                         R"("model_type": "llama", "hidden_size": 576, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152,
    "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "tie_word_embeddings": true)",
                         "num_hidden_layers",
                         30};
constexpr Shape kGpt2{"GPT2",
                      R"("model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_positions": 1024,
    "vocab_size": 50257, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new")",
                      "n_layer",
                      12};
constexpr Shape kMistral{"Mistral_7B",
                         R"("model_type": "mistral", "hidden_size": 4096, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32000,
    "max_position_embeddings": 32768, "rms_norm_eps": 1e-5, "sliding_window": null)",
                         "num_hidden_layers",
                         32};

struct Case {
  Shape shape;
  std::string plan;  // a policy, or a file of configs/plans
  int micro_batches;
  std::int64_t head_tile_rows;
  Precision precision = Precision::kBF16;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.shape.name << ' ' << c.plan << ' ' << c.micro_batches;
  }
};

ModelGraph graph_of(const Shape& shape, int layers, DType dtype) {
  const std::string config =
      concat("{", shape.config, ", \"", shape.layers_key, "\": ", layers, "}");
  return make_model(Json::parse(config, shape.name), dtype).graph;
}

LoweredPass lower_case(const Case& c, int layers, std::int64_t tokens, Pass pass = Pass::kTrain) {
  const DType dtype = c.precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
  ModelGraph graph = graph_of(c.shape, layers, dtype);
  tile_head(graph, c.head_tile_rows);
  const bool is_file = c.plan.find(".yaml") != std::string::npos;
  const Plan plan =
      is_file ? load_plan(LONGHAUL_SOURCE_DIR "/configs/plans/" + c.plan) : make_plan(c.plan);
  const BatchShape shape{.tokens = tokens,
                         .max_segments = 16,
                         .positions = tokens,
                         .micro_batches = pass == Pass::kEvaluate ? 1 : c.micro_batches};
  return lower(graph, adamw_format(c.precision), plan, shape, pass, 2);
}

class RealSchedule : public testing::TestWithParam<Case> {};

TEST_P(RealSchedule, IsPlacedWithinTenPercentOfTheLowerBound) {
  LoweredPass pass = lower_case(GetParam(), GetParam().shape.layers, 1024);
  const PlacedSchedule placed = place(pass.schedule);
  EXPECT_NO_THROW(check(placed));
  for (const Tier tier : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    const Bytes bound = lower_bound(pass.schedule, tier);
    const Bytes peak = placed.peak[static_cast<std::size_t>(tier)];
    EXPECT_GE(peak, bound) << name_of(tier);
    EXPECT_LE(static_cast<double>(peak.count), 1.1 * static_cast<double>(bound.count))
        << name_of(tier);
  }
}

// Two ops of a placed schedule with no order between them that touch the same bytes of a tier, one
// of them writing: what both checks together have to find, by looking at every pair.
bool has_conflict(const PlacedSchedule& placed) {
  struct Use {
    OpId op;
    Tier tier;
    Bytes begin;
    Bytes end;
    bool is_write;
  };
  const Schedule& schedule = placed.schedule;
  const HappensBefore is_before(schedule);
  std::vector<Use> uses;
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const auto note = [&](const Operand& operand, bool is_write) {
      if (!operand.exists()) return;
      const Bytes begin = placed.address(operand);
      const Tier tier = schedule[operand.buffer].tier;
      uses.push_back({make_id<OpId>(i), tier, begin, begin + operand.size, is_write});
    };
    const Op& op = schedule.ops()[i];
    for (const Operand& operand : op.reads) note(operand, false);
    for (const Operand& operand : op.writes) note(operand, true);
    note(op.scratch, true);
  }
  for (std::size_t j = 0; j < uses.size(); ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      const Use& a = uses[i];
      const Use& b = uses[j];
      if (a.tier != b.tier || a.op == b.op || (!a.is_write && !b.is_write)) continue;
      if (a.begin < b.end && b.begin < a.end && !is_before(a.op, b.op)) return true;
    }
  }
  return false;
}

bool is_refused(const PlacedSchedule& placed) {
  try {
    check(placed.schedule);
    check(placed);
    return false;
  } catch (const InvalidArgument&) {
    return true;
  }
}

// Every dependency asks for a check of the whole schedule.
constexpr std::size_t kEvery = test::kUnderSanitizer ? 16 : 1;

// With two layers: a step has every kind of transfer in it, and every dependency can be tried. One
// that only bounds how far lanes run ahead may be missed by nothing; then no bytes depend on it.
TEST_P(RealSchedule, IsRefusedWithoutAnyDependencyThatNoOthersImply) {
  PlacedSchedule placed = place(lower_case(GetParam(), 2, 256).schedule);
  EXPECT_FALSE(is_refused(placed));
  const Schedule schedule = placed.schedule;
  int refused = 0;
  std::size_t tried = 0;
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const OpId op = make_id<OpId>(i);
    for (const OpId before : schedule.after(op)) {
      if (tried++ % kEvery != 0) continue;
      placed.schedule = schedule.without_dependency(op, before);
      if (HappensBefore(placed.schedule)(before, op)) continue;
      if (is_refused(placed)) {
        ++refused;
      } else {
        EXPECT_FALSE(has_conflict(placed)) << describe(schedule[op]) << " after " << before.value;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Shape& shape : {kSmolLm2, kGpt2, kMistral}) {
    for (const std::string& policy : policy_names()) {
      all.push_back({shape, policy, 1, 0});
      all.push_back({shape, policy, 3, 4096});
    }
  }
  all.push_back({kSmolLm2, "smollm2-256mib.yaml", 2, 8192});
  all.push_back({kSmolLm2, "smollm2-128mib.yaml", 4, 4096, Precision::kF32});
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, RealSchedule, testing::ValuesIn(cases()), [](const auto& one) {
  const Case& c = one.param;
  std::string name = concat(c.shape.name, "_", c.plan, "_", c.micro_batches);
  std::replace_if(
      name.begin(), name.end(), [](char x) { return x == '.' || x == '-'; }, '_');
  return name;
});

struct Cap {
  Case run;
  std::int64_t tokens;
  Bytes cap;
};

// As benchmarks/results/smollm2_256mib.md says.
TEST(ShippedPlans, MeetTheirCapsInEveryPass) {
  const Case wide{kSmolLm2, "smollm2-256mib.yaml", 2, 8192, Precision::kF32};
  const Case tight{kSmolLm2, "smollm2-128mib.yaml", 2, 8192, Precision::kBF16};
  const Case tight_fp32{kSmolLm2, "smollm2-128mib.yaml", 4, 4096, Precision::kF32};
  for (const Cap& c :
       {Cap{wide, 2048, 256_MiB}, Cap{tight, 2048, 128_MiB}, Cap{tight_fp32, 1024, 128_MiB}}) {
    for (const Pass pass : {Pass::kTrain, Pass::kDrain, Pass::kEvaluate}) {
      const Schedule schedule = lower_case(c.run, kSmolLm2.layers, c.tokens, pass).schedule;
      EXPECT_LE(place(schedule).peak[0], c.cap) << c.run << ' ' << static_cast<int>(pass);
    }
  }
}

// Bytes of activations that leave the device, per token, unit of width and layer.
double saved_bytes(const Shape& shape, const Plan& plan) {
  constexpr int kLayers = 4;
  constexpr std::int64_t kTokens = 256;
  const ModelGraph graph = graph_of(shape, kLayers, DType::kBF16);
  const BatchShape batch{.tokens = kTokens, .max_segments = 16, .positions = kTokens};
  const Schedule schedule =
      lower(graph, adamw_format(Precision::kBF16), plan, batch, Pass::kTrain, 2).schedule;
  std::set<std::string> saved;
  for (std::size_t layer = 1; layer <= kLayers; ++layer) {
    for (const TensorId id : saved_tensors(graph, make_id<BlockId>(layer))) {
      if (graph[id].kind == TensorKind::kActivation) saved.insert(graph[id].name + "[0]");
    }
  }
  std::int64_t bytes = 0;
  for (const Op& op : schedule.ops()) {
    const bool is_saved =
        op.lane == Lane::kD2h && saved.contains(schedule[op.reads[0].buffer].name);
    if (is_saved) bytes += op.reads[0].size.count;
  }
  const std::int64_t width = element_count(graph[graph.hidden], batch) / kTokens;
  return static_cast<double>(bytes) / static_cast<double>(kTokens * width * kLayers);
}

Plan swap_everything() {
  Plan plan;
  plan.block_inputs = SavedAction::kHost;
  plan.saved = {{"*", {}, SavedAction::kHost}};
  return plan;
}

// Of 34 bytes (Korthikanti et al. 2022) two are masks of dropout, which is not applied: the input
// of the block, both norms, q, k, v, attention's result, the sum before the second norm, and the
// four times wider input and output of the activation. Without what element-wise nodes rebuild: 20.
TEST(SavedTensors, OfGpt2TakeTwentyBytesWhereElementWiseOnesAreRebuilt) {
  EXPECT_EQ(saved_bytes(kGpt2, swap_everything()), 32.0);
  Plan plan = swap_everything();
  plan.saved = {{"*.ln_*", {}, SavedAction::kRecompute},
                {"*.gelu", {}, SavedAction::kRecompute},
                {"*", {}, SavedAction::kHost}};
  EXPECT_EQ(saved_bytes(kGpt2, plan), 20.0);
}

// Grouped key and value heads are a third as wide, the gated MLP has two inputs of 8/3. The input
// of the first of the four layers comes from an embedding on the host and is there already.
TEST(SavedTensors, OfTheShippedPlansTakeTwentyBytes) {
  EXPECT_NEAR(saved_bytes(kSmolLm2, swap_everything()), 29.3, 0.1);
  for (const char* file : {"smollm2-256mib.yaml", "smollm2-128mib.yaml"}) {
    const Plan plan = load_plan(LONGHAUL_SOURCE_DIR "/configs/plans/" + std::string(file));
    EXPECT_NEAR(saved_bytes(kSmolLm2, plan), 20.0 - 2.0 / 4, 1e-9) << file;
  }
}

// The policies of other systems rebuild all but the inputs of blocks.
TEST(SavedTensors, OfThePoliciesThatRecomputeAreTheInputsOfBlocks) {
  for (const char* policy : {"zero_infinity", "lohan", "lohan_naive", "lohan_serial"}) {
    EXPECT_EQ(saved_bytes(kSmolLm2, make_plan(policy)), 2.0) << policy;
  }
}

}  // namespace
}  // namespace longhaul
