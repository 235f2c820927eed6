#include "longhaul/planner/swaps.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/backward.h"
#include "longhaul/graph/cost.h"
#include "longhaul/plan/lower.h"
#include "longhaul/planner/baselines.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

const BatchShape kShape{.tokens = 64, .max_segments = 4, .positions = 64, .micro_batches = 2};

// Names are those of the block and the tensor, as models have them.
const ModelGraph& graph() {
  static const ModelGraph named = [] {
    ModelGraph graph = test::small_decoder(DType::kBF16, false, 3);
    for (Tensor& tensor : graph.tensors) {
      if (tensor.block.exists()) tensor.name = graph[tensor.block].name + "." + tensor.name;
    }
    return graph;
  }();
  return named;
}

Plan plan_of(const std::string& text) {
  return make_plan(parse_document(text, "plan.yaml"), graph(), kShape);
}

std::string errors_of(const std::string& text) {
  try {
    plan_of(text);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

// What the rules of a plan send away: bytes of a step, all micro-batches.
Bytes ruled(const Plan& plan, SavedAction action) {
  Bytes bytes;
  for (const SavedRule& rule : plan.saved) {
    if (rule.action != action) continue;
    for (const Tensor& tensor : graph().tensors) {
      const bool is_weight = tensor.kind == TensorKind::kParameter;
      if (tensor.name == rule.tensors && !is_weight)
        bytes += byte_count(tensor, kShape) * kShape.micro_batches;
    }
  }
  return bytes;
}

// What a plan moves on a lane beyond what it moves without its rules.
Bytes extra(const Plan& plan, Lane lane) {
  const auto moved = [&](const Plan& of) {
    const LoweredPass pass =
        lower(graph(), adamw_format(Precision::kBF16), of, kShape, Pass::kTrain, 2);
    return bytes_moved(pass.schedule)[static_cast<std::size_t>(lane)];
  };
  Plan without = plan;
  without.saved = {{"*", {}, SavedAction::kRecompute}};
  return moved(plan) - moved(without);
}

double benefit_of(const Node& node) {
  Bytes bytes;
  const std::vector<TensorId> saved = saved_tensors(graph(), node.block);
  for (const TensorId id : node.outputs) {
    if (std::find(saved.begin(), saved.end(), id) != saved.end()) {
      bytes += byte_count(graph()[id], kShape);
    }
  }
  return forward_cost(graph(), node, kShape).flops.count / static_cast<double>(bytes.count);
}

TEST(SwapActivations, SendsTheInputsOfBlocksWhateverTheAmount) {
  const Plan plan = plan_of("policy: lohan\nswap_bytes: 1KiB\n");
  EXPECT_EQ(plan.block_inputs, SavedAction::kHost);
  EXPECT_THAT(plan.saved, testing::ElementsAre(SavedRule{"*", {}, SavedAction::kRecompute}));
}

TEST(SwapActivations, SendsWhatTheAmountHolds) {
  // Inputs of three layers and the head: 64 x 32 elements of 2 bytes, 2 micro-batches.
  const Bytes inputs{4 * 64 * 32 * 2 * 2};
  Bytes before;
  for (const int kib : {48, 64, 100}) {
    const Plan plan = plan_of("policy: lohan\nswap_bytes: " + std::to_string(kib) + "KiB\n");
    const Bytes sent = ruled(plan, SavedAction::kHost);
    EXPECT_GT(sent, before);
    EXPECT_LE(inputs + sent, Bytes{kib * 1024});
    EXPECT_EQ(extra(plan, Lane::kD2h), sent);
    before = sent;
  }
}

TEST(SwapActivations, TakesTheHighestBenefitPerByteFirst) {
  const Plan plan = plan_of("policy: lohan\nswap_bytes: 100KiB\n");
  double lowest = 1e30;  // of what is swapped
  double highest = 0.0;  // of what is not
  for (std::size_t b = 0; b + 1 < graph().blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    const std::vector<TensorId> saved = saved_tensors(graph(), block);
    for (const NodeId id : graph()[block].nodes) {
      const Node& node = graph()[id];
      const bool is_saved = std::find(saved.begin(), saved.end(), node.outputs[0]) != saved.end();
      if (!is_saved) continue;
      const SavedAction action = saved_action(plan, graph(), block, node.outputs[0], 0);
      double& bound = action == SavedAction::kHost ? lowest : highest;
      bound = action == SavedAction::kHost ? std::min(bound, benefit_of(node))
                                           : std::max(bound, benefit_of(node));
    }
  }
  EXPECT_GT(highest, 0.0);
  EXPECT_GE(lowest, highest);
}

TEST(SwapActivations, FillsTheHostBeforeTheDisk) {
  const Plan plan = plan_of("policy: lohan\nswap_bytes: 100KiB\nswap_in_ram: 64KiB\n");
  const Plan all = plan_of("policy: lohan\nswap_bytes: 100KiB\n");
  EXPECT_EQ(plan.block_inputs, SavedAction::kHost);
  EXPECT_GT(ruled(plan, SavedAction::kHost), Bytes{});
  EXPECT_LE(ruled(plan, SavedAction::kHost), Bytes{64 * 1024 - 4 * 64 * 32 * 2 * 2});
  EXPECT_EQ(ruled(plan, SavedAction::kHost) + ruled(plan, SavedAction::kDisk),
            ruled(all, SavedAction::kHost));
  EXPECT_EQ(plan_of("policy: lohan\nswap_bytes: 1KiB\nswap_in_ram: 1KiB\n").block_inputs,
            SavedAction::kDisk);
}

TEST(SwapActivations, AreRefusedForOtherPoliciesAndUnknownKeys) {
  EXPECT_THAT(errors_of("policy: resident\nswap_bytes: 1GiB\n"),
              HasSubstr("plan.yaml:1: policy: got resident, expected lohan"));
  EXPECT_THAT(errors_of("policy: lohan\nswap_bytes: 1GiB\ngroup: 2\n"),
              HasSubstr("plan.yaml:3: group: unknown key"));
  EXPECT_FALSE(is_swap_request(parse_document("policy: lohan\n", "plan.yaml")));
}

}  // namespace
}  // namespace longhaul
