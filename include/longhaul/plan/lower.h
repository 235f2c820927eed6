// Lowers a plan for one pass: the ops on lanes, the buffers they use, and where the trainer finds
// the buffers that it fills and reads.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/graph/block_layout.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/plan/plan.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

enum class Pass : std::uint8_t {
  kTrain,     // forward, backward, update
  kEvaluate,  // forward and loss
  kPrefill,   // forward over a prompt: fills the key/value caches, logits of segment 0's last token
  kDecode,    // one token against the caches: the logits that follow it
};

// Buffers of the states, the same in every pass of a run: they are added first, in this order.
struct StateBuffers {
  std::vector<BlockLayout> layouts;            // [block]
  std::vector<std::vector<BufferId>> streams;  // [block][stream of the format]
  std::vector<std::pair<TensorId, BufferId>> constants;
};

// One input tensor of one micro-batch: written by the trainer on the host before the pass.
struct StagedInput {
  TensorId tensor;
  int micro_batch = 0;
  BufferId host;
};

struct LoweredPass {
  Schedule schedule;
  StateBuffers states;
  std::vector<StagedInput> inputs;
  BufferId scalars;              // host, StepScalars; training only
  BufferId results;              // host, StepResults; training and evaluation
  BufferId logits;               // host, [vocabulary] of the weights' dtype; prefill and decode
  std::vector<BufferId> caches;  // device; key and value cache per attention node, in node order
};

// The rows of the key/value caches of prefill and decode are shape.positions; decode has one token.
// `workers`: threads of the compute lane, which scale the scratch of ops and nothing else.
// In training, `shape.micro_batches` micro-batches make one optimizer step.
LoweredPass lower(const ModelGraph& graph,
                  const StateFormat& format,
                  const Plan& plan,
                  const BatchShape& shape,
                  Pass pass,
                  int workers);

}  // namespace longhaul
