// FLOPs and bytes of a node at a batch shape, by formula. A multiply-add counts as two FLOPs.
#pragma once

#include "longhaul/core/units.h"
#include "longhaul/graph/model_graph.h"

namespace longhaul {

struct NodeCost {
  Flops flops;
  Bytes bytes;  // read and written, each operand once
};

// Attention counts whole squares of the tokens halved for causality, as if one segment filled the
// micro-batch: an upper bound when several do.
NodeCost forward_cost(const ModelGraph& graph, const Node& node, const BatchShape& shape);
NodeCost backward_cost(const ModelGraph& graph, const Node& node, const BatchShape& shape);

// Forward and backward of one micro-batch, in FLOPs.
Flops step_flops(const ModelGraph& graph, const BatchShape& shape);

}  // namespace longhaul
