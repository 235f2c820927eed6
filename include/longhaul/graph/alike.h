// Which nodes take the same time, and the same model with few of the blocks that do the same:
// what has to be measured of a model of many equal layers.
#pragma once

#include <string>

#include "longhaul/graph/model_graph.h"

namespace longhaul {

// What a node does, without names: "linear 576 -> 1536". At one precision and one number of tokens
// nodes that do the same take the same time.
std::string work_of(const Node& node);

// With the first `most` of all blocks whose nodes do the same, in their order; each of them reads
// what the one before it wrote. Names stay. Throws InvalidArgument when blocks are no chain: when
// one reads more than one activation of others, or weights of a block that is left out.
ModelGraph with_few_alike(const ModelGraph& graph, int most);

}  // namespace longhaul
