// A plan changes when and where, never what: losses, gradient norms, masters and both moments after
// five steps are those of the resident plan, to the bit, for every policy and for plans drawn at
// random from all decisions a plan makes. LONGHAUL_RANDOM_PLANS sets how many per setting.
#include <algorithm>
#include <array>
#include <cstdlib>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/planner/swaps.h"

#include "plan_run.h"
#include "support/plan_words.h"

namespace longhaul {
namespace {

using test::is_same;
using test::Outcome;
using test::resident;
using test::run;
using test::Setting;

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const char* model : {"llama_tied", "qwen3"}) {
    for (const Precision precision : {Precision::kF32, Precision::kBF16}) {
      for (const int micro_batches : {1, 2, 4}) {
        for (const bool clips : {false, true}) {
          all.push_back({model, precision, micro_batches, clips});
        }
        const bool freezes = micro_batches == 1;
        all.push_back(
            {model, precision, micro_batches, micro_batches == 2, freezes, test::kHeadTileRows});
      }
    }
  }
  return all;
}

// Its number in settings().
std::uint64_t index_of(const Setting& setting) {
  const std::vector<Setting> all = settings();
  const auto is_it = [&](const Setting& other) { return other.name() == setting.name(); };
  return static_cast<std::uint64_t>(std::find_if(all.begin(), all.end(), is_it) - all.begin());
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
          .gradients = draw.of({Tier::kDevice, Tier::kHost, Tier::kDisk}),
          .next_forward_share = draw.of({0.0, 0.0, 0.3, 1.0})};
}

Plan draw_plan(const ModelGraph& graph, const Setting& setting, Draw& draw) {
  Plan plan;
  plan.policy = "drawn";
  plan.group = draw.of({0, 1, 2});
  plan.update =
      setting.clips
          ? draw.of(
                {UpdateTime::kAfterBackward, UpdateTime::kInNextForward, UpdateTime::kSpeculative})
          : draw.of({UpdateTime::kAfterBackward,
                     UpdateTime::kInBackward,
                     UpdateTime::kInNextForward,
                     UpdateTime::kSpeculative});
  plan.order = draw.of(
      {UpdateOrder::kSerial, UpdateOrder::kNaive, UpdateOrder::kOptimized, UpdateOrder::kSpread});
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

// What of a plan the drawn ones have to have met, taken together.
struct Kind {
  const char* name;
  bool (*is_it)(const Plan&);
};

bool is_streamed(const BlockPlan& block, Tier update_on) {
  return block.update_on == update_on && block.states.tier != Tier::kDevice;
}

bool is_mixed(const StateHome& home) {
  return home.ram_share > 0.0 && home.ram_share < 1.0;
}

bool is_split(const BlockPlan& block) {
  return block.next_forward_share > 0.0 && block.next_forward_share < 1.0;
}

constexpr std::array kKinds{
    Kind{"update_on_host", [](const Plan& p) { return is_streamed(p.blocks, Tier::kHost); }},
    Kind{"streamed_update_on_device",
         [](const Plan& p) { return is_streamed(p.blocks, Tier::kDevice); }},
    Kind{"states_in_ram_and_on_disk", [](const Plan& p) { return is_mixed(p.blocks.states); }},
    Kind{"weights_in_ram_and_on_disk", [](const Plan& p) { return is_mixed(p.blocks.weights); }},
    Kind{"in_backward", [](const Plan& p) { return p.update == UpdateTime::kInBackward; }},
    Kind{"in_next_forward", [](const Plan& p) { return p.update == UpdateTime::kInNextForward; }},
    Kind{"speculative", [](const Plan& p) { return p.update == UpdateTime::kSpeculative; }},
    Kind{"share_in_next_forward", [](const Plan& p) { return is_split(p.blocks); }},
};

int random_plans() {
  const char* count = std::getenv("LONGHAUL_RANDOM_PLANS");
  return count == nullptr ? 12 : std::atoi(count);
}

class PlanBits : public testing::TestWithParam<Setting> {};

TEST_P(PlanBits, AreThoseOfTheResidentPlanForEveryPolicy) {
  const Outcome& expected = resident(GetParam());
  if (GetParam().clips) {
    EXPECT_EQ(expected.clipped, 2);
    EXPECT_EQ(expected.skipped, 1);
  }
  for (const std::string& policy : policy_names()) {
    const Plan plan = make_plan(policy);
    if (GetParam().clips && plan.update == UpdateTime::kInBackward) continue;
    EXPECT_TRUE(is_same(run(GetParam(), plan), expected)) << policy;
  }
}

TEST_P(PlanBits, AreThoseOfTheResidentPlanForAnAmountThatIsSwapped) {
  Plan plan = make_plan("lohan_serial");
  const ModelGraph graph = test::graph_of(GetParam());
  const BatchShape shape = test::shape_of(GetParam());
  const Bytes hidden = byte_count(graph[graph.hidden], shape) * shape.micro_batches;
  swap_activations(plan, graph, shape, {.bytes = hidden * 8, .in_ram = hidden * 4});
  const auto is_on = [&](SavedAction action) {
    return std::any_of(plan.saved.begin(), plan.saved.end(), [&](const SavedRule& rule) {
      return rule.action == action;
    });
  };
  EXPECT_TRUE(is_on(SavedAction::kHost) && is_on(SavedAction::kDisk));
  EXPECT_TRUE(is_same(run(GetParam(), plan), resident(GetParam()))) << test::in_words(plan);
}

// Of speculative updates on every tier; with clipping some hold, some are done again, one is
// skipped.
TEST_P(PlanBits, AreThoseOfTheResidentPlanForSpeculativeUpdates) {
  const Outcome& expected = resident(GetParam());
  for (const Tier home : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    for (const double share : {0.0, 0.4}) {
      Plan plan;
      plan.update = UpdateTime::kSpeculative;
      plan.blocks.states = {home, home == Tier::kDisk ? 0.5 : 0.0};
      plan.blocks.weights = {share > 0.0 && home == Tier::kDevice ? Tier::kHost : home};
      plan.blocks.update_on = home == Tier::kDevice ? Tier::kDevice : Tier::kHost;
      plan.blocks.gradients = home;
      plan.blocks.next_forward_share = share;
      plan.chunk = 65536;
      EXPECT_TRUE(is_same(run(GetParam(), plan), expected)) << test::in_words(plan);
    }
  }
}

// Weights on the device alternate with what is frozen among them.
TEST(PlanBitsOfFrozenParameters, AreThoseOfTheResidentPlanForSpeculativeUpdates) {
  const Setting setting{"llama_tied", Precision::kBF16, 2, true, true};
  int frozen = 0;
  for (const Tensor& tensor : test::graph_of(setting).tensors) {
    frozen += tensor.kind == TensorKind::kParameter && !tensor.is_trainable ? 1 : 0;
  }
  EXPECT_GT(frozen, 2);
  for (const Tier home : {Tier::kDevice, Tier::kHost}) {
    Plan plan;
    plan.update = UpdateTime::kSpeculative;
    plan.blocks.weights = {home};
    EXPECT_TRUE(is_same(run(setting, plan), resident(setting))) << name_of(home);
  }
}

TEST_P(PlanBits, AreThoseOfTheResidentPlanForRandomPlans) {
  const ModelGraph graph = test::graph_of(GetParam());
  const Outcome& expected = resident(GetParam());
  int refused = 0;
  std::array<int, kKinds.size()> met{};
  for (int i = 0, tried = 0; i < random_plans(); ++tried) {
    Draw draw(static_cast<std::uint64_t>(tried) * 1000 + index_of(GetParam()));
    const Plan plan = draw_plan(graph, GetParam(), draw);
    try {
      check(plan, graph, GetParam().micro_batches);
    } catch (const ConfigError&) {
      ++refused;
      continue;
    }
    ++i;
    for (std::size_t k = 0; k < kKinds.size(); ++k) met[k] += kKinds[k].is_it(plan) ? 1 : 0;
    ASSERT_TRUE(is_same(run(GetParam(), plan), expected)) << test::in_words(plan);
  }
  RecordProperty("refused", refused);
  for (std::size_t k = 0; k < kKinds.size(); ++k) RecordProperty(kKinds[k].name, met[k]);
}

INSTANTIATE_TEST_SUITE_P(Settings,
                         PlanBits,
                         testing::ValuesIn(settings()),
                         [](const auto& setting) { return setting.param.name(); });

}  // namespace
}  // namespace longhaul
