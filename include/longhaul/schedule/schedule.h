// A training step as data: a DAG of operations, each bound to one lane, over buffers in tiers.
// The simulator and the executor read the same placed schedule, so a plan that was costed is the
// plan that runs. A lane runs its ops one at a time in the order in which they were added.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "longhaul/core/ids.h"
#include "longhaul/core/units.h"
#include "longhaul/schedule/operands.h"

namespace longhaul {

enum class Lane : std::uint8_t { kCompute, kH2d, kD2h, kHost, kDiskRead, kDiskWrite };
inline constexpr std::size_t kLaneCount = 6;
const char* name_of(Lane lane);

enum class Tier : std::uint8_t { kDevice, kHost, kDisk };
inline constexpr std::size_t kTierCount = 3;
const char* name_of(Tier tier);

// The lane on which a copy from one tier to another runs; a disk decides wherever it takes part.
Lane lane_between(Tier from, Tier to);

// What an op does. The order of its reads and writes is the contract between lowering and the op
// bodies; an operand that does not exist keeps its place with no buffer.
enum class OpKind : std::uint8_t {
  kCopy,      // reads {from}; writes {to}
  kFill,      // writes {zeroed...}
  kForward,   // a node: reads = its inputs; writes = its outputs
  kBackward,  // a node: reads = {d_output, saved tensors..., inputs that are no activations...};
              // writes = gradients in the order of the node's inputs
  kHeadLoss,  // reads {hidden, weight, targets, scalars}; writes {losses, d_hidden, d_weight}
  // A head cut over the vocabulary: the first of every tile in order, then the second of every
  // tile. The last tile writes the losses, and d_hidden; with one tile there are no sums.
  kHeadStatistics,  // reads {hidden, weight rows, targets}; writes {statistics, losses}
  kHeadGradient,    // reads {hidden, weight rows, targets, scalars, statistics};
                    // writes {d_hidden, rows of d_weight, fp32 sums of d_hidden}
  kSumLosses,       // reads {losses}; writes {results}
  kAccumulate,      // reads {gradient}; writes {fp32 accumulator}
  kRound,         // reads {accumulator, last gradient, second accumulator}; writes {gradient}, and
                  // where it is measured {..., sums of squares, counts} of its chunks
  kGradientNorm,  // whole parameters of a block: reads {gradient}; writes {sums of squares, counts}
  kClip,          // reads {scalars, partial sums...}; writes {results, update scalars}
  kUpdate,        // elements of a block: reads {gradient, update scalars, old streams... where not
                  // in place}; writes {streams...}. Where it measures the gradient too: reads
                  // {..., what follows it, for chunks that go on}; writes {..., partial sums}
  kPrefill,       // an attention node: like kForward, and writes {..., key cache, value cache}
  kDecode,        // the same for one token, reads {..., cache position} at the end
  kLogits,        // reads {hidden, weight rows, row index}; writes {logits of these rows}
};
const char* name_of(OpKind kind);

struct Buffer {
  std::string name;
  Tier tier = Tier::kDevice;
  Bytes size;
  // Keeps its bytes from one pass to the next (states, batch inputs, results); others are dead
  // before their first write and after their last use.
  bool is_persistent = false;
};

struct Op {
  OpKind kind = OpKind::kCopy;
  Lane lane = Lane::kCompute;
  NodeId node;
  BlockId block;
  int micro_batch = -1;
  // Where the ranges of an update begin in the block's layout, those of a head's tile in the
  // weight.
  std::int64_t first_element = 0;
  Operands reads;
  Operands writes;
  // Bit i: writes[i] is added to what is there instead of replacing it.
  std::uint32_t accumulates = 0;
  // Temporaries of the body, LibTorch's included; dead outside the op.
  Operand scratch;
};

class Schedule {
 public:
  // Room for so many, so that they are not moved while it grows.
  void reserve(std::size_t ops, std::size_t buffers);
  BufferId add_buffer(Buffer buffer);

  // Appends `op`, which starts after the op before it on its lane and every op in `after`.
  // Throws InvalidArgument if `after` names an op not yet added (ids are therefore a topological
  // order and the graph has no cycle) or an operand reaches beyond its buffer.
  OpId add(Op op, std::span<const OpId> after = {});

  const std::vector<Op>& ops() const { return ops_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }
  const Op& operator[](OpId id) const { return ops_[id.index()]; }
  const Buffer& operator[](BufferId id) const { return buffers_[id.index()]; }

  // Dependencies on ops of other lanes, reduced to the last one per lane.
  std::span<const OpId> after(OpId id) const {
    const After& after = after_[id.index()];
    return {after.ops.data(), after.count};
  }

  // Adds a dependency found later (placement). `before` < `op`.
  void add_dependency(OpId op, OpId before);

  // The same schedule without one dependency; for checks of checks. `op` must have it.
  Schedule without_dependency(OpId op, OpId before) const;

 private:
  // One op of each other lane at most.
  struct After {
    std::array<OpId, kLaneCount - 1> ops;
    std::uint32_t count = 0;
  };
  void check_operand(const Op& op, const Operand& operand) const;

  std::vector<Op> ops_;
  std::vector<After> after_;  // [op]
  std::vector<Buffer> buffers_;
};

// What copies of each lane move in one pass.
std::array<Bytes, kLaneCount> bytes_moved(const Schedule& schedule);

// "backward layers.3.mlp.down (micro-batch 1)": for errors and traces. `node_names` may be empty.
std::string describe(const Op& op, const std::vector<std::string>& node_names = {});

}  // namespace longhaul
