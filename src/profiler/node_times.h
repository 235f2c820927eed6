// What the nodes of a model take where they stand: forward and backward of one micro-batch as
// training runs them, with its op bodies, its lanes and its placed memory, but without updates.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "longhaul/graph/model_graph.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/plan/plan.h"
#include "longhaul/schedule/schedule.h"

#include "trial.h"

namespace longhaul {

// Seconds. A head counts as in training, where its backward runs with its forward: whole, a third
// of the time is the forward; in tiles, what the statistics take.
struct NodeSamples {
  Samples forward;
  Samples backward;
};

// What is timed.
struct NodeTrial {
  const ModelGraph& graph;
  Precision precision = Precision::kBF16;
  BatchShape shape;
  // Tokens of the sequences that make up the micro-batch; none: one sequence.
  std::vector<std::int64_t> lengths = {};
  // Of these blocks, what the others would have written is made up; none: all of the graph.
  std::vector<BlockId> blocks = {};
};

// Per node of the graph; nothing of blocks that are not timed. Throws DoesNotFit or OutOfMemory
// when the machine's memory is too small.
std::vector<NodeSamples> time_nodes(const Machine& machine,
                                    const NodeTrial& trial,
                                    const Effort& effort);

// By what the nodes do: for every pass the mean of those that do the same. A step is a sum over
// many nodes, so that what happens to one of them now and then counts; a median over all would not
// see it.
using NodeSamplesByWork = std::map<std::string, NodeSamples>;
NodeSamplesByWork by_work(const ModelGraph& graph, const std::vector<NodeSamples>& nodes);

// A whole step, updates included, under a plan that uses no disk.
struct StepSamples {
  Schedule schedule;  // not placed
  Samples seconds;    // from its first op to its last
};
StepSamples time_step(const Machine& machine,
                      const NodeTrial& trial,
                      const Plan& plan,
                      const Effort& effort);

}  // namespace longhaul
