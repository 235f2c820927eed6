// Gradients of parameters: where a node writes them, how those of several micro-batches become one,
// and how the finished ones leave the device.
//
// With one micro-batch the rounded gradient is the transport gradient. With several, each is
// rounded, then added to an fp32 sum in micro-batch order; the last one rounds the sum. Embedding
// tables add their rows to an fp32 table of their own, which for tied weights is the second sum.
#pragma once

#include <map>
#include <vector>

#include "longhaul/plan/lower.h"

#include "emitter.h"

namespace longhaul {

// Where a gradient goes, and whether something is there already.
struct GradientTarget {
  Operand operand;
  bool accumulates = false;
};

class Gradients {
 public:
  Gradients(const ModelGraph& graph,
            const StateFormat& format,
            const Plan& plan,
            const BatchShape& shape,
            LoweredPass& pass,
            Emitter& emit);

  // The target of a node's gradient; `node` writes it next and tells wrote() afterwards.
  GradientTarget target(const Node& node, TensorId parameter, int micro_batch);
  // True when this was the last gradient of the parameter's block.
  bool wrote(const Node& node, TensorId parameter, int micro_batch, const Operand& gradient);

  // Of a block whose last gradient was written, once: measures it and sends it to where it waits,
  // after the ops of `after`. Returns where that is.
  Operand finish(BlockId block, const std::vector<OpId>& after);
  // The partial sums of the norm of a finished block, on the host.
  Operand norm(BlockId block) const;

  bool is_trained(BlockId block) const { return layout(block).trainable > 0; }

 private:
  struct State {
    Operand device;             // transport gradients, [trainable]
    Operand device_sums;        // fp32
    Operand host;               // transport gradients
    Operand host_sums;          // fp32
    std::vector<bool> on_host;  // per trainable slot: its gradient is complete in `host`
    int left = 0;               // gradients still to be written
    Operand norm;
  };
  const BlockLayout& layout(BlockId block) const { return pass_.states.layouts[block.index()]; }
  const BlockPlan& how(BlockId block) const { return plan_.of(graph_[block]); }
  bool sums_on_host() const {
    return shape_.micro_batches > 1 && plan_.accumulators == Tier::kHost;
  }
  bool is_last(int micro_batch) const { return micro_batch == shape_.micro_batches - 1; }
  bool is_tied(TensorId parameter) const { return users_.at(parameter) > 1; }
  Operand slot_of(const Operand& array, TensorId parameter, DType dtype) const;
  // The whole array of a block on a tier, made when first asked for.
  Operand& gradients(Operand& array, BlockId block, Tier tier);
  Operand& sums(Operand& array, BlockId block, Tier tier);
  GradientTarget table_target(TensorId table);
  void accumulate(const Node& node, TensorId parameter, int micro_batch, const Operand& gradient);
  void round_table(TensorId table);
  void mark_on_host(TensorId parameter);
  void measure(BlockId block, const Operand& gradient, Lane lane);

  const ModelGraph& graph_;
  const StateFormat& format_;
  const Plan& plan_;
  const BatchShape& shape_;
  LoweredPass& pass_;
  Emitter& emit_;
  DType transport_;
  std::vector<State> states_;              // [block]
  std::map<TensorId, int> users_;          // nodes that give a parameter a gradient
  std::map<TensorId, Operand> tables_;     // fp32 sums of rows of embedding tables
  std::map<TensorId, Operand> head_last_;  // the last micro-batch's gradient of a tied table
};

}  // namespace longhaul
