#include "longhaul/plan/plan_file.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

Plan parse(const std::string& text) {
  return parse_plan(parse_document(text, "plan.yaml"));
}

std::string errors_of(const std::string& text) {
  try {
    parse(text);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

std::string refusal_of(const std::string& text, int micro_batches = 1) {
  try {
    check(parse(text), test::small_decoder(DType::kBF16, true), micro_batches);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(PlanFile, IsResidentWhereItSaysNothing) {
  EXPECT_EQ(parse(""), Plan{});
}

TEST(PlanFile, ReadsBackWhatItWrote) {
  Plan plan;
  plan.policy = "hand";
  plan.group = 0;
  plan.update = UpdateTime::kSpeculative;
  plan.order = UpdateOrder::kNaive;
  plan.blocks = {.weights = {Tier::kDisk, 0.25},
                 .states = {Tier::kDisk, 0.5},
                 .keeps_weights_on_device = true,
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost,
                 .next_forward_share = 0.25};
  plan.exceptions["layers.0"] = {.states = {Tier::kHost}};
  plan.accumulators = Tier::kHost;
  plan.embeds_on_host = true;
  plan.block_inputs = SavedAction::kDisk;
  plan.saved = {{"*.mlp.*", {0, 2}, SavedAction::kRecompute}, {"*", {}, SavedAction::kHost}};
  plan.weight_window = 3;
  plan.saved_window = 0;
  plan.chunk = 131072;
  plan.staging = 4;

  EXPECT_EQ(parse(to_yaml(plan)), plan);
  EXPECT_EQ(parse(to_yaml(plan, true)), plan);
}

TEST(PlanFile, LetsABlockDifferInOneKey) {
  const Plan plan = parse("states: {home: disk}\nblocks: {layers.3: {states: {home: host}}}\n");
  EXPECT_EQ(plan.blocks.states.tier, Tier::kDisk);
  EXPECT_EQ(plan.exceptions.at("layers.3").states.tier, Tier::kHost);
}

TEST(PlanFile, ReportsEveryErrorWithItsLine) {
  const std::string errors = errors_of(
      "group: none\n"
      "wieghts: {home: host}\n"
      "blocks:\n"
      "  layers.1: {states: {home: attic}}\n");
  EXPECT_THAT(errors, HasSubstr("plan.yaml:1: group: got none, expected all or an integer"));
  EXPECT_THAT(errors, HasSubstr("plan.yaml:2: wieghts: unknown key"));
  EXPECT_THAT(errors, HasSubstr("plan.yaml:4: states.home: got attic"));
}

TEST(PlanFile, OfEveryPlanThatIsShippedIsRead) {
  int plans = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(LONGHAUL_SOURCE_DIR "/configs/plans")) {
    EXPECT_NO_THROW(load_plan(entry.path().string())) << entry.path();
    ++plans;
  }
  EXPECT_GT(plans, 0);
}

TEST(CheckPlan, RefusesWhatIsImpossibleWithTheReason) {
  EXPECT_THAT(refusal_of("update_on: host\n"), HasSubstr("needs a home of the weights on host or"));
  EXPECT_THAT(refusal_of("weights: {home: host}\nupdate_on: host\n"),
              HasSubstr("cannot use states on the device"));
  EXPECT_THAT(refusal_of("states: {home: host, in_ram: 0.5}\n"), HasSubstr("home on disk"));
  EXPECT_THAT(refusal_of("weights: {keep_on_device: true}\n"), HasSubstr("is the device already"));
  EXPECT_THAT(refusal_of("saved: {block_inputs: recompute}\n"), HasSubstr("another block wrote"));
  EXPECT_THAT(refusal_of("staging: {elements: 65537}\n"), HasSubstr("multiple of 65536"));
  EXPECT_THAT(refusal_of("embedding: host\n"), HasSubstr("have to be on the host too"));
  EXPECT_THAT(refusal_of("accumulators: host\ngradients: host\n", 2), HasSubstr("belong together"));
  EXPECT_EQ(refusal_of("accumulators: host\ngradients: host\n", 1), "");
  EXPECT_THAT(refusal_of("next_forward_share: 0.5\n"),
              HasSubstr("the rest is updated in backward"));
  EXPECT_THAT(refusal_of("update: speculative\nnext_forward_share: 0.5\n"),
              HasSubstr("exchange weights on the device as a whole"));
  EXPECT_THAT(refusal_of("update: speculative\nembedding: host\nweights: {home: host}\n"
                         "states: {home: host}\nupdate_on: host\ngradients: host\n"
                         "next_forward_share: 0.5\n"),
              HasSubstr("exchange its table as a whole"));
  EXPECT_EQ(refusal_of("update: speculative\n"), "");
}

TEST(CheckPlan, NamesTheBlocksOfTheModelWhereAnExceptionFitsNone) {
  EXPECT_THAT(refusal_of("blocks: {layers.77: {states: {home: host}}}\n"),
              HasSubstr("layers.77: the model has no such block"));
}

}  // namespace
}  // namespace longhaul
