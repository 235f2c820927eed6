// A model as data: tensors with dtypes and symbolic shapes, nodes that read and write them, and
// blocks, the units that stream. The graph holds no values and no control flow; every consumer
// reads a tensor as it was rounded to its dtype by its one producer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longhaul/core/dtype.h"
#include "longhaul/core/ids.h"
#include "longhaul/core/units.h"
#include "longhaul/graph/node.h"

namespace longhaul {

// What a dimension counts. The values are fixed for a pass by its BatchShape.
enum class Symbol : std::uint8_t {
  kOne,        // the factor alone
  kTokens,     // tokens of a micro-batch
  kOffsets,    // segment offsets of a micro-batch: max_segments + 1
  kPositions,  // rows of position tables: the longest sequence
};

struct BatchShape {
  std::int64_t tokens = 0;
  std::int64_t max_segments = 1;
  std::int64_t positions = 0;
  int micro_batches = 1;
};

struct Dim {
  std::int64_t factor = 1;
  Symbol symbol = Symbol::kOne;
};

enum class TensorKind : std::uint8_t {
  kParameter,   // lives across steps; has a gradient and states when trainable
  kActivation,  // produced by a node
  kStatistic,   // produced by a node beside its result; fp32, no gradient (rstd, log-sum-exp)
  kInput,       // comes with every micro-batch
  kConstant,    // filled once (rotary tables)
};

struct Tensor {
  std::string name;
  TensorKind kind = TensorKind::kActivation;
  DType dtype = DType::kF32;
  std::vector<Dim> shape;     // row-major
  BlockId block;              // of its producer; for a parameter, the block that owns it
  bool is_trainable = false;  // parameters only
  bool is_decayed = false;    // parameters only: weight decay applies by default
};

// A contiguous run of nodes that streams as one: embedding, a transformer layer, norm + head.
struct Block {
  std::string name;
  std::vector<NodeId> nodes;         // in execution order
  std::vector<TensorId> parameters;  // owned here, in layout order
};

// The tensors that come with a micro-batch. See data: MicroBatch.
struct BatchInputs {
  TensorId ids;              // [tokens] int32
  TensorId sorted_order;     // [tokens] int32: positions sorted by (id, position)
  TensorId positions;        // [tokens] int32, restart per segment
  TensorId positions_order;  // [tokens] int32: tokens sorted by (position, token)
  TensorId targets;          // [tokens] int32, -1 where there is none
  TensorId segment_offsets;  // [max_segments + 1] int32
};

struct ModelGraph {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;  // topological order, block by block
  std::vector<Block> blocks;
  BatchInputs inputs;
  TensorId hidden;  // what the head reads: [tokens, width], after the final norm

  const Tensor& operator[](TensorId id) const { return tensors[id.index()]; }
  const Node& operator[](NodeId id) const { return nodes[id.index()]; }
  const Block& operator[](BlockId id) const { return blocks[id.index()]; }
};

std::int64_t element_count(const Tensor& tensor, const BatchShape& shape);
Bytes byte_count(const Tensor& tensor, const BatchShape& shape);

// Parameters counted once each (tied weights are one parameter).
std::int64_t parameter_count(const ModelGraph& graph);

// Cuts the head into tiles of so many rows of the vocabulary, over all tokens; 0: into tiles of
// tokens. A rule of the run: it changes the order of sums.
void tile_head(ModelGraph& graph, std::int64_t rows);

// Throws InvalidArgument that names the node or tensor when: an id is out of range, a node reads a
// tensor that no earlier node wrote, a tensor has two producers, the operands of a node do not
// match its kind (number, kind of tensor, dtype, sizes), or a block does not own its parameters.
void check(const ModelGraph& graph);

}  // namespace longhaul
