#include "longhaul/graph/model_graph.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/block_layout.h"
#include "longhaul/graph/cost.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

TEST(CheckGraph, NamesANodeThatReadsWhatNobodyWrote) {
  ModelGraph graph = test::small_decoder(DType::kF32, true);
  std::swap(graph.nodes[3], graph.nodes[8]);
  EXPECT_THROW(check(graph), InvalidArgument);
}

TEST(CheckGraph, NamesAnOperandOfTheWrongSize) {
  ModelGraph graph = test::small_decoder(DType::kF32, true);
  std::get<Linear>(graph.nodes[2].kind).out += 1;
  try {
    check(graph);
    FAIL() << "accepted";
  } catch (const InvalidArgument& error) {
    EXPECT_NE(std::string(error.what()).find("q: operand 1"), std::string::npos) << error.what();
  }
}

TEST(CheckGraph, RefusesASecondProducer) {
  ModelGraph graph = test::small_decoder(DType::kF32, true);
  graph.nodes[4].outputs = graph.nodes[2].outputs;
  EXPECT_THROW(check(graph), InvalidArgument);
}

TEST(BlockLayout, PutsDecayedParametersFirstAndAlignsEachSlot) {
  const ModelGraph graph = test::small_decoder(DType::kBF16, true);
  const BlockLayout layout = make_layout(graph, BlockId{1});
  std::int64_t end = 0;
  for (const ParameterSlot& slot : layout.slots) {
    EXPECT_EQ(slot.offset % kSlotAlignment, 0);
    EXPECT_GE(slot.offset, end);
    EXPECT_EQ(graph[slot.parameter].is_decayed, slot.offset < layout.decayed);
    end = slot.offset + slot.count;
  }
  EXPECT_EQ(layout.trainable, layout.elements);
  EXPECT_LE(end, layout.elements);
}

TEST(BlockLayout, PutsFrozenParametersBehindWhatIsTrained) {
  ModelGraph graph = test::small_decoder(DType::kBF16, true);
  const TensorId frozen = graph.blocks[1].parameters[1];
  graph.tensors[frozen.index()].is_trainable = false;
  const BlockLayout layout = make_layout(graph, BlockId{1});
  EXPECT_EQ(layout.slots.back().parameter, frozen);
  EXPECT_EQ(layout.slots.back().offset, layout.trainable);
  EXPECT_EQ(norm_partials(layout).first_chunk.size(), layout.slots.size() - 1);
}

TEST(StepFlops, AreSixPerWeightAndTokenBesideAttention) {
  const ModelGraph graph = test::small_decoder(DType::kF32, true, 4);
  const BatchShape shape{.tokens = 10, .positions = 10};
  const double products = 6.0 * 10 * static_cast<double>(parameter_count(graph));
  EXPECT_NEAR(step_flops(graph, shape).count / products, 1.0, 0.25);
}

}  // namespace
}  // namespace longhaul
