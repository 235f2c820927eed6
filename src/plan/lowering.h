// One lowering in progress. Ops of the compute lane are added in program order; what they read
// from other lanes they wait for by id.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "longhaul/graph/backward.h"
#include "longhaul/plan/lower.h"

#include "residency.h"

namespace longhaul {

class Lowering {
 public:
  Lowering(const ModelGraph& graph,
           const StateFormat& format,
           const BatchShape& shape,
           Pass pass,
           int workers);

  // Each returns the finished pass.
  LoweredPass train();
  LoweredPass evaluate();
  LoweredPass generate();

 private:
  // --- buffers
  BufferId add_buffer(const std::string& name, Bytes size, Tier tier = Tier::kDevice);
  BufferId add_persistent(const std::string& name, Bytes size, Tier tier);
  // The range of a parameter in an array over its block: weights, gradients, accumulators.
  Operand slot(TensorId parameter, BufferId array, DType dtype) const;
  Operand trainable(BlockId block, BufferId array, DType dtype) const;
  Operand whole(BufferId buffer) const;
  Operand weight(TensorId parameter) const;
  Operand input(TensorId tensor, int micro_batch);

  // --- ops
  OpId add(Op op);
  void add_scratch(Op& op);
  Op node_op(OpKind kind, const Node& node, int micro_batch) const;

  // --- forward
  void forward_block(BlockId block, int micro_batch);
  void forward_node(const Node& node, int micro_batch);
  void head(const Node& node, int micro_batch);

  // --- backward of one micro-batch
  void add_gradients();
  void backward(int micro_batch);
  void backward_node(const Node& node, const std::vector<TensorId>& gradients, int micro_batch);
  void backward_add(const Node& node, const std::vector<TensorId>& gradients);
  // Where a gradient goes, and whether something is there already.
  struct Target {
    Operand operand;
    bool accumulates = false;
  };
  Target activation_gradient(TensorId tensor, int micro_batch);
  Target parameter_gradient(const Node& node, TensorId parameter, int micro_batch);
  void accumulate(const Node& node, int micro_batch);
  void round_gradients();

  // --- end of the step
  void update();
  void download(BufferId device, BufferId host);

  const ModelGraph& graph_;
  const StateFormat& format_;
  const BatchShape& shape_;
  Pass kind_;
  int workers_;
  LoweredPass pass_;
  Residency residency_;

  std::vector<BufferId> gradients_;        // [block], transport dtype
  std::vector<BufferId> accumulators_;     // [block], fp32; only with several micro-batches
  std::map<TensorId, BufferId> tables_;    // fp32 accumulators of embedding tables, ditto
  std::map<TensorId, Operand> d_;          // gradients of the activations of this micro-batch
  std::map<BufferId, int> sharers_;        // how many tensors of d_ use a buffer
  std::map<TensorId, bool> has_gradient_;  // parameters written in this micro-batch
  BufferId results_;
};

}  // namespace longhaul
