// What the nodes of a model take where they stand: forward and backward of one micro-batch as
// training runs them, with its op bodies, its lanes and its placed memory, but without updates.
#pragma once

#include <vector>

#include "longhaul/models/model.h"
#include "longhaul/optim/state_format.h"

#include "trial.h"

namespace longhaul {

// Seconds. A head counts as in training, where its backward runs with its forward: whole, a third
// of the time is the forward; in tiles, what the statistics take.
struct NodeSamples {
  Samples forward;
  Samples backward;
};

// Per node of the graph. Sequences of `sequence` tokens fill the micro-batch. Throws DoesNotFit or
// OutOfMemory when the machine's memory is too small.
std::vector<NodeSamples> time_nodes(const Machine& machine,
                                    const Model& model,
                                    Precision precision,
                                    const BatchShape& shape,
                                    std::int64_t sequence,
                                    const Effort& effort);

}  // namespace longhaul
