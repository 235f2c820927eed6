#include "longhaul/graph/alike.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

std::vector<std::string> block_names(const ModelGraph& graph) {
  std::vector<std::string> names;
  for (const Block& block : graph.blocks) names.push_back(block.name);
  return names;
}

TEST(WorkOf, HasEverySizeAndNoName) {
  const ModelGraph graph = test::small_decoder(DType::kBF16, true);
  std::set<std::string> works;
  for (const Node& node : graph.nodes) works.insert(work_of(node));
  EXPECT_THAT(works,
              testing::UnorderedElementsAre("embedding 96 x 32",
                                            "rms_norm 32",
                                            "linear 32 -> 32",
                                            "linear 32 -> 16",
                                            "linear 32 -> 48",
                                            "linear 48 -> 32",
                                            "rotary 4 x 8, 8 turned",
                                            "rotary 2 x 8, 8 turned",
                                            "attention 4 x 8 on 2",
                                            "add 32",
                                            "swiglu 48",
                                            "head_loss 96 x 32, tiles of 64 tokens"));
}

TEST(WorkOf, ChangesWithWhatChangesTheTime) {
  ModelGraph graph = test::small_decoder(DType::kBF16, true);
  const std::string whole = work_of(graph.nodes.back());
  tile_head(graph, 32);
  EXPECT_NE(work_of(graph.nodes.back()), whole);
  const Node full{"a", Attention{.heads = 4, .kv_heads = 4, .head_dim = 8}, {}, {}, {}};
  const Node sliding{
      "a", Attention{.heads = 4, .kv_heads = 4, .head_dim = 8, .window = 64}, {}, {}, {}};
  EXPECT_NE(work_of(full), work_of(sliding));
}

TEST(WithFewAlike, KeepsOneBlockOfEachKindInAChain) {
  const ModelGraph graph = test::small_decoder(DType::kBF16, true, 6);
  const ModelGraph cut = with_few_alike(graph, 1);
  EXPECT_THAT(block_names(cut), testing::ElementsAre("embedding", "layer 0", "head"));
  const Node& last_norm = cut[cut.blocks.back().nodes.front()];
  EXPECT_EQ(cut[last_norm.inputs[0]].name, "mlp residual");
  EXPECT_EQ(cut[last_norm.inputs[0]].block, make_id<BlockId>(1));
  EXPECT_EQ(cut[cut.hidden].name, "last norm");
  // The head's weight is the embedding's, as before.
  EXPECT_EQ(cut.nodes.back().inputs[1], cut.blocks.front().parameters.front());
  EXPECT_THAT(block_names(with_few_alike(graph, 3)),
              testing::ElementsAre("embedding", "layer 0", "layer 1", "layer 2", "head"));
}

TEST(WithFewAlike, IsTheSameModelWhereNothingIsLeftOut) {
  const ModelGraph graph = test::small_decoder(DType::kF32, false, 2);
  const ModelGraph cut = with_few_alike(graph, 2);
  EXPECT_EQ(cut.tensors.size(), graph.tensors.size());
  EXPECT_EQ(parameter_count(cut), parameter_count(graph));
  ASSERT_EQ(cut.nodes.size(), graph.nodes.size());
  for (std::size_t n = 0; n < cut.nodes.size(); ++n) {
    EXPECT_EQ(cut.nodes[n].name, graph.nodes[n].name);
    EXPECT_EQ(work_of(cut.nodes[n]), work_of(graph.nodes[n]));
  }
}

TEST(WithFewAlike, RefusesBlocksThatAreNoChain) {
  GraphBuilder b(DType::kF32);
  b.begin_block("embedding");
  const TensorId table = b.parameter("table", 16, 8);
  const TensorId x = b.embedding("embedding", table);
  b.begin_block("first");
  const TensorId y = b.gelu("gelu", x, true);
  b.begin_block("second");
  const TensorId z = b.add("sum of two", x, y);
  b.begin_block("head");
  b.head_loss("head", z, table, 16);
  const ModelGraph graph = b.finish();
  EXPECT_THROW(with_few_alike(graph, 1), InvalidArgument);
  EXPECT_THROW(with_few_alike(graph, 0), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
