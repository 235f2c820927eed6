// Every decision about when and where, and none about what: two plans for one run give the same
// bits. A default-made Plan keeps everything on the device.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "longhaul/core/units.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

// Shares of a block begin and end at multiples of so many elements, so that on disk every chunk
// starts on a unit of the store.
inline constexpr std::int64_t kShareElements = 65536;

// Where a stream of states lives between its uses.
struct StateHome {
  Tier tier = Tier::kDevice;
  double ram_share = 0.0;  // of a home on disk: the share of its elements that stays in RAM, 0..1

  bool operator==(const StateHome&) const = default;
};

// What becomes of a saved tensor between forward and backward.
enum class SavedAction : std::uint8_t { kKeep, kHost, kDisk, kRecompute };

// The first rule that matches a tensor decides; a tensor that none matches is kept.
struct SavedRule {
  std::string tensors;             // a pattern over tensor names; * stands for any characters
  std::vector<int> micro_batches;  // none: all
  SavedAction action = SavedAction::kKeep;

  bool operator==(const SavedRule&) const = default;
};

enum class UpdateTime : std::uint8_t {
  kAfterBackward,
  kInBackward,     // as soon as a block's gradient is complete; only without clipping
  kInNextForward,  // just before the block is used again
  // As kInBackward, but into a second slot of the states and with the gradient kept: when the norm
  // of the step is within the limit the slots change places, else the update is done again from the
  // old ones, as in kInNextForward.
  kSpeculative,
};

// How the stages of an update (read states, compute, write back) follow each other.
enum class UpdateOrder : std::uint8_t {
  kSerial,     // nothing begins before the last backward op has ended; stages as in kNaive
  kNaive,      // a chunk's read waits for the chunk before it to be written back
  kOptimized,  // the next chunks are read while this one is computed and the last one written
  // The same, and the chunks of an update are spread over the visits of a turn, each written back
  // after the next one is read: lanes wait for less, the last update ends later.
  kSpread,
};

struct BlockPlan {
  StateHome weights;  // what the device computes with
  StateHome states;   // remainder and moments
  // Weights whose home is not the device: a copy stays there across steps.
  bool keeps_weights_on_device = false;
  Tier update_on = Tier::kDevice;  // device | host
  // Where a complete gradient waits for its update; from the device it is sent chunk by chunk.
  Tier gradients = Tier::kDevice;
  // With kInBackward and kSpeculative: the share of the block's elements, at its end, that is left
  // to the next forward, 0..1.
  double next_forward_share = 0.0;

  bool operator==(const BlockPlan&) const = default;
};

struct Plan {
  std::string policy = "resident";  // how the plan was made; nothing depends on it
  // Micro-batches that go through a block before the next block: 1 is horizontal, 0 takes all.
  int group = 1;
  UpdateTime update = UpdateTime::kAfterBackward;
  UpdateOrder order = UpdateOrder::kOptimized;
  BlockPlan blocks;
  std::map<std::string, BlockPlan> exceptions;  // by name of the block, instead of `blocks`
  // fp32 sums over micro-batches: device | host.
  Tier accumulators = Tier::kDevice;
  // The embedding is gathered, and its gradient added up, on the host.
  bool embeds_on_host = false;
  // Activations that a block reads and another one wrote. Not kRecompute.
  SavedAction block_inputs = SavedAction::kKeep;
  std::vector<SavedRule> saved;
  // How far ahead transfers run: blocks for weights, visits of a block by a micro-batch for saved
  // tensors. 0: when needed.
  int weight_window = 1;
  int saved_window = 1;
  // States move in chunks of so many elements, through so many staging slots per stream.
  std::int64_t chunk = std::int64_t{4} << 20;
  int staging = 3;

  const BlockPlan& of(const Block& block) const;
  // Whether some update runs as soon as its block's gradient is complete.
  bool updates_in_backward() const {
    return update == UpdateTime::kInBackward || update == UpdateTime::kSpeculative;
  }
  bool operator==(const Plan&) const = default;
};

// What becomes of `tensor` of `micro_batch`, which a node of `reader` needs.
SavedAction saved_action(
    const Plan& plan, const ModelGraph& graph, BlockId reader, TensorId tensor, int micro_batch);

// The same of a tensor of the reader's own block, for every micro-batch.
std::vector<SavedAction> saved_actions(const Plan& plan,
                                       const ModelGraph& graph,
                                       TensorId tensor,
                                       int micro_batches);

// The first element of a block that is updated in the next forward; `trainable` where none is. A
// multiple of kShareElements.
std::int64_t first_deferred(const Plan& plan, const BlockPlan& block, std::int64_t trainable);

// Throws ConfigError that names the key and the reason when the plan is impossible for the graph:
// an exception for a block that does not exist, an update where its states cannot come, ...
void check(const Plan& plan, const ModelGraph& graph, int micro_batches);

}  // namespace longhaul
