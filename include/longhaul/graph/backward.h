// What backward needs, and what it costs to get it back: the tensors each node's backward reads,
// and the nodes to run again when some of them were not kept.
#pragma once

#include <vector>

#include "longhaul/graph/model_graph.h"

namespace longhaul {

// The activations and statistics that the backward of `node` reads, in the order in which the op
// body expects them (parameters, inputs and constants of the node not included).
std::vector<TensorId> saved_for_backward(const ModelGraph& graph, const Node& node);

// Per node of the graph, in the order of its inputs: the input where it receives a gradient (a
// trainable parameter, or an activation that depends on one), none where it does not.
std::vector<std::vector<TensorId>> gradient_inputs(const ModelGraph& graph);

// Every tensor of `block` that backward reads when nothing is recomputed, without duplicates, in
// order of production; the block's input activation counts as one of them.
std::vector<TensorId> saved_tensors(const ModelGraph& graph, BlockId block);

// The nodes of `block` to run again, in execution order, so that every saved tensor of the block
// exists when only `kept` do. Tensors of other blocks exist. Throws InvalidArgument when the
// block's input is needed and not kept.
std::vector<NodeId> recompute_closure(const ModelGraph& graph,
                                      BlockId block,
                                      const std::vector<TensorId>& kept);

}  // namespace longhaul
