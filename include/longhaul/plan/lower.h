// Lowers a plan for one pass: the ops on lanes, the buffers they use, and where the trainer finds
// the buffers that it fills and reads.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/graph/block_layout.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/optim/step.h"
#include "longhaul/plan/plan.h"
#include "longhaul/plan/scratch.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

enum class Pass : std::uint8_t {
  kTrain,     // forward, backward, update
  kDrain,     // the pending updates alone
  kEvaluate,  // forward and loss
  kPrefill,   // forward over a prompt: fills the key/value caches, logits of segment 0's last token
  kDecode,    // one token against the caches: the logits that follow it
};

// Updates that the step before has left to this pass.
enum class Pending : std::uint8_t {
  kNothing,
  kDeferred,  // what the plan leaves to the next forward
  kRedo,      // every update: a speculation did not hold
};

// What a pass finds. A schedule is lowered for one standing; after each step the results say in
// which one the next pass begins.
struct Standing {
  Pending pending = Pending::kNothing;
  int slot = 0;  // which slot of the states holds them; 1 with speculative updates only

  bool operator==(const Standing&) const = default;
};

struct PassStart {
  Pass pass = Pass::kTrain;
  Standing found;
  bool has_names = true;  // of buffers; whoever only simulates does without
};

// Elements [first, first + count) of a stream of a block, from byte 0 of `buffer`.
struct StatePiece {
  std::int64_t first = 0;
  std::int64_t count = 0;
  BufferId buffer;
  BufferId second;  // as large: where speculative updates write; none: they do not
};

// Buffers of the states, the same in every pass of a run: they are added first, in this order. In
// slot 1 `buffer` and `second` of the pieces are exchanged.
struct StateBuffers {
  std::vector<BlockLayout> layouts;                           // [block]
  std::vector<std::vector<std::vector<StatePiece>>> streams;  // [block][stream of the format]
  std::vector<BufferId> weight_copies;                        // [block] on the device, or none
  std::vector<std::pair<TensorId, BufferId>> constants;
  // Of updates that may come in the next forward: what they need of the step before.
  std::vector<std::vector<StatePiece>> pending_gradients;  // [block]
  BufferId pending_scalars;                                // host
};

// One input tensor of one micro-batch: written by the trainer on the host before the pass.
struct StagedInput {
  TensorId tensor;
  int micro_batch = 0;
  BufferId host;
};

struct LoweredPass {
  PassStart start;
  Schedule schedule;
  StateBuffers states;
  std::vector<StagedInput> inputs;
  BufferId scalars;              // host, StepScalars; training only
  BufferId results;              // host, StepResults; training and evaluation
  BufferId logits;               // host, [vocabulary] of the weights' dtype; prefill and decode
  std::vector<BufferId> caches;  // device; key and value cache per attention node, in node order
};

// Every standing that passes of this kind may find, the usual one first; drains need something
// pending.
std::vector<Standing> standings(const Plan& plan, Pass pass);

// In which standing a training step that found `before` leaves the states.
Standing after_step(const Plan& plan, const Standing& before, const StepResults& results);

// The rows of the key/value caches of prefill and decode are shape.positions; decode has one token.
// `compute` decides the scratch of ops and nothing else.
// In training, `shape.micro_batches` micro-batches make one optimizer step.
// Throws ConfigError when the plan is impossible for the graph or the batch: see check(Plan).
LoweredPass lower(const ModelGraph& graph,
                  const StateFormat& format,
                  const Plan& plan,
                  const BatchShape& shape,
                  const PassStart& start,
                  const ComputeLane& compute);
// In the first of standings(plan, pass).
LoweredPass lower(const ModelGraph& graph,
                  const StateFormat& format,
                  const Plan& plan,
                  const BatchShape& shape,
                  Pass pass,
                  const ComputeLane& compute);

}  // namespace longhaul
