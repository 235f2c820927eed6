#include "longhaul/graph/backward.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

std::vector<std::string> names_of(const ModelGraph& graph, const std::vector<NodeId>& nodes) {
  std::vector<std::string> names;
  for (const NodeId id : nodes) names.push_back(graph[id].name);
  return names;
}

TEST(RecomputeClosure, IsEmptyWhenEverythingIsKept) {
  const ModelGraph graph = test::small_decoder(DType::kF32, true);
  EXPECT_TRUE(recompute_closure(graph, BlockId{1}, saved_tensors(graph, BlockId{1})).empty());
}

TEST(RecomputeClosure, FromTheInputRunsAllButWhatNobodyReads) {
  const ModelGraph graph = test::small_decoder(DType::kF32, true);
  const TensorId input = graph[graph[BlockId{1}].nodes.front()].inputs[0];
  const std::vector<std::string> names =
      names_of(graph, recompute_closure(graph, BlockId{1}, {input}));
  EXPECT_EQ(names.front(), "norm");
  EXPECT_EQ(names.back(), "swiglu");  // down and the last sum are not read by backward
  EXPECT_EQ(names.size(), graph[BlockId{1}].nodes.size() - 2);
}

TEST(RecomputeClosure, RebuildsACheapTensorFromItsKeptInputs) {
  const ModelGraph graph = test::small_decoder(DType::kF32, true);
  std::vector<TensorId> kept = saved_tensors(graph, BlockId{1});
  const auto is_swiglu = [&](NodeId id) { return is<Swiglu>(graph[id]); };
  const std::vector<NodeId>& nodes = graph[BlockId{1}].nodes;
  const NodeId swiglu = *std::find_if(nodes.begin(), nodes.end(), is_swiglu);
  std::erase(kept, graph[swiglu].outputs[0]);
  EXPECT_EQ(names_of(graph, recompute_closure(graph, BlockId{1}, kept)),
            std::vector<std::string>{"swiglu"});
}

TEST(RecomputeClosure, RefusesWhenTheInputIsGone) {
  const ModelGraph graph = test::small_decoder(DType::kF32, true);
  EXPECT_THROW(recompute_closure(graph, BlockId{1}, {}), InvalidArgument);
}

TEST(GradientInputs, LeaveOutWhatIsFrozen) {
  ModelGraph graph = test::small_decoder(DType::kF32, true);
  for (Tensor& tensor : graph.tensors) tensor.is_trainable = false;
  for (const auto& inputs : gradient_inputs(graph)) {
    for (const TensorId id : inputs) EXPECT_FALSE(id.exists());
  }
}

TEST(GradientInputs, StopBelowTheFirstTrainableParameter) {
  ModelGraph graph = test::small_decoder(DType::kF32, false);
  for (Tensor& tensor : graph.tensors) tensor.is_trainable = false;
  graph.tensors[graph.blocks[2].parameters[0].index()].is_trainable = true;
  const auto inputs = gradient_inputs(graph);
  for (const NodeId id : graph.blocks[1].nodes) {
    for (const TensorId input : inputs[id.index()]) EXPECT_FALSE(input.exists());
  }
  EXPECT_TRUE(inputs.back()[0].exists());
}

}  // namespace
}  // namespace longhaul
