// A plan changes when and where, never what: losses, gradient norms, masters and both moments after
// five steps are those of the resident plan, to the bit, for every policy and for plans drawn at
// random from all decisions a plan makes. LONGHAUL_RANDOM_PLANS sets how many per setting.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/planner/baselines.h"

#include "support/golden_model.h"
#include "support/plan_words.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using test::GoldenModel;
using test::PackedBatch;

constexpr int kSteps = 5;

struct Setting {
  std::string model;
  Precision precision;
  int micro_batches;
  bool clips;

  std::string name() const {
    return model + (precision == Precision::kF32 ? "_fp32_" : "_bf16_") +
           std::to_string(micro_batches) + (clips ? "_clipped" : "");
  }
};

BatchShape shape_of(const Setting& setting) {
  return {.tokens = setting.micro_batches == 1 ? 160 : 96,
          .max_segments = 6,
          .positions = 160,
          .micro_batches = setting.micro_batches};
}

// Four sequences, dealt evenly to the micro-batches.
std::vector<PackedBatch> batches_of(const GoldenModel& golden, const Setting& setting, int step) {
  const Json batch = golden.expected.at("batches").at(static_cast<std::size_t>(step % 2));
  const std::size_t share = 4 / static_cast<std::size_t>(setting.micro_batches);
  std::vector<PackedBatch> packed;
  for (std::size_t m = 0; m < static_cast<std::size_t>(setting.micro_batches); ++m) {
    packed.push_back(test::pack(batch, m * share, (m + 1) * share, shape_of(setting)));
  }
  return packed;
}

struct Outcome {
  std::vector<float> numbers;
  int clipped = 0;
};

// Between the norms of the steps, so that some are clipped and some are not.
double limit_of(const std::string& model) {
  return model == "llama_tied" ? 9.0 : 3.0;
}

Outcome run(const Setting& setting,
            const Plan& plan,
            const std::function<void(LoweredPass&)>& tamper = {},
            const std::array<LaneSpeed, kLaneCount>& speeds = {}) {
  static const test::TemporaryFolder folder;
  const GoldenModel golden = test::load_golden_model(setting.model);
  const DType dtype = setting.precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
  Engine engine(make_model(golden.config, dtype),
                {.format = adamw_format(setting.precision),
                 .plan = plan,
                 .passes = {{Pass::kTrain, shape_of(setting)}},
                 .threads = 2,
                 .disk = {{folder.path(), 1_GiB}},
                 .speeds = speeds,
                 .tamper = tamper});
  test::load_weights(engine, golden.weights);
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
    scalars.powers = powers = advance(powers, scalars.adamw);
    scalars.max_grad_norm = setting.clips ? limit_of(setting.model) : 0.0;
    scalars.inverse_target_tokens = 1.0F / static_cast<float>(targets);
    const StepResults results = engine.train(views, scalars);
    outcome.numbers.push_back(static_cast<float>(results.loss_sum));
    outcome.numbers.push_back(static_cast<float>(results.gradient_norm));
    outcome.clipped += results.clip < 1.0F ? 1 : 0;
  }
  const ModelGraph& graph = engine.model().graph;
  for (const ParameterSource& source : engine.model().sources) {
    std::vector<float> values(static_cast<std::size_t>(element_count(graph[source.parameter], {})));
    engine.states().read_master(source.parameter, values);
    outcome.numbers.insert(outcome.numbers.end(), values.begin(), values.end());
    for (const char* moment : {"momentum", "variance"}) {
      engine.states().read_moment(source.parameter, moment, values);
      outcome.numbers.insert(outcome.numbers.end(), values.begin(), values.end());
    }
  }
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

// --- plans at random

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : numbers_(seed, 0x706C616E) {}

  template <class T>
  T of(std::initializer_list<T> choices) {
    return choices.begin()[numbers_.below(next_++, choices.size())];
  }
  bool coin() { return of({false, true}); }

 private:
  Philox numbers_;
  std::uint64_t next_ = 0;
};

StateHome draw_home(Draw& draw) {
  StateHome home{draw.of({Tier::kDevice, Tier::kHost, Tier::kDisk})};
  if (home.tier == Tier::kDisk) home.ram_share = draw.of({0.0, 0.5, 1.0});
  return home;
}

BlockPlan draw_block(Draw& draw) {
  return {.weights = draw_home(draw),
          .states = draw_home(draw),
          .keeps_weights_on_device = draw.coin(),
          .update_on = draw.of({Tier::kDevice, Tier::kHost}),
          .gradients = draw.of({Tier::kDevice, Tier::kHost, Tier::kDisk})};
}

Plan draw_plan(const ModelGraph& graph, const Setting& setting, Draw& draw) {
  Plan plan;
  plan.policy = "drawn";
  plan.group = draw.of({0, 1, 2});
  plan.update =
      setting.clips
          ? draw.of({UpdateTime::kAfterBackward, UpdateTime::kInNextForward})
          : draw.of(
                {UpdateTime::kAfterBackward, UpdateTime::kInBackward, UpdateTime::kInNextForward});
  plan.order = draw.of({UpdateOrder::kSerial, UpdateOrder::kNaive, UpdateOrder::kOptimized});
  plan.blocks = draw_block(draw);
  if (draw.coin()) {
    const std::size_t block = draw.of<std::size_t>({0, 1, graph.blocks.size() - 1});
    plan.exceptions[graph.blocks[block].name] = draw_block(draw);
  }
  plan.accumulators = draw.of({Tier::kDevice, Tier::kHost});
  plan.embeds_on_host = draw.coin();
  plan.block_inputs = draw.of({SavedAction::kKeep, SavedAction::kHost, SavedAction::kDisk});
  for (const char* pattern : {"*mlp*", "*q*", "*1*", "*"}) {
    if (draw.coin()) continue;
    SavedRule rule{pattern, {}, {}};
    rule.action = draw.of(
        {SavedAction::kKeep, SavedAction::kHost, SavedAction::kDisk, SavedAction::kRecompute});
    if (draw.coin()) rule.micro_batches = {draw.of({0, 1})};
    plan.saved.push_back(rule);
  }
  plan.weight_window = draw.of({0, 1, 3});
  plan.saved_window = draw.of({0, 1, 3});
  plan.chunk = draw.of<std::int64_t>({65536, 131072});
  plan.staging = draw.of({2, 3});
  return plan;
}

int random_plans() {
  const char* count = std::getenv("LONGHAUL_RANDOM_PLANS");
  return count == nullptr ? 12 : std::atoi(count);
}

class PlanBits : public testing::TestWithParam<Setting> {};

TEST_P(PlanBits, AreThoseOfTheResidentPlanForEveryPolicy) {
  const Outcome& expected = resident(GetParam());
  if (GetParam().clips) {
    EXPECT_GT(expected.clipped, 0);
    EXPECT_LT(expected.clipped, kSteps);
  }
  for (const std::string& policy : policy_names()) {
    const Plan plan = make_plan(policy);
    if (GetParam().clips && plan.update == UpdateTime::kInBackward) continue;
    EXPECT_TRUE(is_same(run(GetParam(), plan), expected)) << policy;
  }
}

TEST_P(PlanBits, AreThoseOfTheResidentPlanForRandomPlans) {
  const GoldenModel golden = test::load_golden_model(GetParam().model);
  const ModelGraph graph = make_model(golden.config, DType::kBF16).graph;
  const Outcome& expected = resident(GetParam());
  int refused = 0;
  for (int i = 0, tried = 0; i < random_plans(); ++tried) {
    Draw draw(static_cast<std::uint64_t>(tried) * 1000 + GetParam().name().size());
    const Plan plan = draw_plan(graph, GetParam(), draw);
    try {
      check(plan, graph, GetParam().micro_batches);
    } catch (const ConfigError&) {
      ++refused;
      continue;
    }
    ++i;
    ASSERT_TRUE(is_same(run(GetParam(), plan), expected)) << test::in_words(plan);
  }
  RecordProperty("refused", refused);
}

// --- schedules that are wrong on purpose

const Setting kControl{"llama_tied", Precision::kBF16, 2, false};

// The same ops with some of them changed.
Schedule changed(const Schedule& schedule, const std::function<void(OpId, Op&)>& change) {
  Schedule copy;
  for (const Buffer& buffer : schedule.buffers()) copy.add_buffer(buffer);
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    Op op = schedule.ops()[i];
    change(make_id<OpId>(i), op);
    copy.add(op, schedule.after(make_id<OpId>(i)));
  }
  return copy;
}

OpId find_op(const Schedule& schedule, const std::function<bool(const Op&)>& is_it) {
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    if (is_it(schedule.ops()[i])) return make_id<OpId>(i);
  }
  throw InvalidArgument("no such op");
}

// Weights fetched from the host, the states too, everything else recomputed.
Plan streaming_plan() {
  Plan plan = zero_infinity_plan();
  plan.blocks.weights = {Tier::kHost};
  plan.blocks.states = {Tier::kDisk};
  plan.order = UpdateOrder::kOptimized;
  plan.chunk = 65536;
  return plan;
}

bool is_caught(const std::function<void(LoweredPass&)>& tamper,
               const std::array<LaneSpeed, kLaneCount>& speeds = {}) {
  return !is_same(run(kControl, streaming_plan(), tamper, speeds), resident(kControl));
}

TEST(WrongSchedule, OfNothingChangedIsNotCaught) {
  EXPECT_FALSE(is_caught(
      [](LoweredPass& pass) { pass.schedule = changed(pass.schedule, [](OpId, Op&) {}); }));
}

TEST(WrongSchedule, WithAMissingDependencyIsCaught) {
  // The first layer computes before its weights have come over a slow link.
  std::array<LaneSpeed, kLaneCount> slow{};
  slow[static_cast<std::size_t>(Lane::kH2d)].latency = Seconds{0.002};
  EXPECT_TRUE(is_caught(
      [](LoweredPass& pass) {
        const OpId use = find_op(pass.schedule, [](const Op& op) {
          return op.kind == OpKind::kForward && op.block == BlockId{1};
        });
        for (std::size_t i = 0; i < pass.schedule.ops().size(); ++i) {
          const OpId op = make_id<OpId>(i);
          if (pass.schedule[op].lane != Lane::kCompute || op < use) continue;
          const auto after = pass.schedule.after(op);
          for (const OpId before : std::vector<OpId>(after.begin(), after.end())) {
            if (pass.schedule[before].lane != Lane::kH2d) continue;
            pass.schedule = pass.schedule.without_dependency(op, before);
          }
        }
      },
      slow));
}

TEST(WrongSchedule, WithAStagingSlotReusedTooEarlyIsCaught) {
  EXPECT_TRUE(is_caught([](LoweredPass& pass) {
    std::vector<BufferId> slots;
    for (std::size_t b = 0; b < pass.schedule.buffers().size(); ++b) {
      const std::string& name = pass.schedule.buffers()[b].name;
      if (name.find("staging of momentum on host, slot") == 0)
        slots.push_back(make_id<BufferId>(b));
    }
    ASSERT_GE(slots.size(), 2U);
    // The second chunk of the states lands where the first one is being updated.
    pass.schedule = changed(pass.schedule, [&](OpId, Op& op) {
      if (op.lane != Lane::kDiskRead) return;
      for (Operand& write : op.writes) {
        if (write.buffer == slots[1]) write.buffer = slots[0];
      }
    });
  }));
}

TEST(WrongSchedule, WithAStaleWeightIsCaught) {
  EXPECT_TRUE(is_caught([](LoweredPass& pass) {
    const BufferId unused = pass.schedule.add_buffer({"unused", Tier::kHost, 16_MiB, false});
    const OpId update =
        find_op(pass.schedule, [](const Op& op) { return op.kind == OpKind::kUpdate; });
    pass.schedule = changed(pass.schedule, [&](OpId id, Op& op) {
      if (id == update) op.writes[0] = {unused, {}, op.writes[0].size};
    });
  }));
}

TEST(WrongSchedule, WithADroppedMicroBatchIsCaught) {
  EXPECT_TRUE(is_caught([](LoweredPass& pass) {
    const OpId round =
        find_op(pass.schedule, [](const Op& op) { return op.kind == OpKind::kRound; });
    pass.schedule = changed(pass.schedule, [&](OpId id, Op& op) {
      if (id == round) op.reads[1] = {};
    });
  }));
}

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const char* model : {"llama_tied", "qwen3"}) {
    for (const Precision precision : {Precision::kF32, Precision::kBF16}) {
      for (const int micro_batches : {1, 2, 4}) {
        for (const bool clips : {false, true}) {
          all.push_back({model, precision, micro_batches, clips});
        }
      }
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Settings,
                         PlanBits,
                         testing::ValuesIn(settings()),
                         [](const auto& setting) { return setting.param.name(); });

}  // namespace
}  // namespace longhaul
