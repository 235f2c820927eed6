// Gradients of parameters: where a node writes them, how those of several micro-batches become one,
// and how the finished ones leave the device.
//
// With one micro-batch the rounded gradient is the transport gradient. With several, each is
// rounded, then added to an fp32 sum in micro-batch order; the last one rounds the sum. Embedding
// tables add their rows to an fp32 table of their own, which for tied weights is the second sum.
//
// A gradient may come in parts, in order. Those that are summed or wait on the host leave the
// device as they come, through two slots; only what the plan keeps on the device is there as a
// whole.
#pragma once

#include <array>
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
  GradientTarget target(const Node& node,
                        TensorId parameter,
                        int micro_batch,
                        const ElementRange& part = {});
  // True when this was the last gradient of the parameter's block.
  bool wrote(const Node& node,
             TensorId parameter,
             int micro_batch,
             const Operand& gradient,
             const ElementRange& part = {});

  // Of a block whose last gradient was written, once: measures it and sends it to where it waits,
  // after the ops of `after`.
  void finish(BlockId block, const std::vector<OpId>& after);
  // Of a finished block: where an update at once finds it, and where it waits for a later one from
  // element held_from() on.
  Operand at_once(BlockId block) const;
  Operand held(BlockId block) const { return states_[block.index()].held; }
  // The first element that is not updated at once.
  std::int64_t held_from(BlockId block) const;
  // The partial sums of the norm of a finished block, on the host.
  Operand norm(BlockId block) const { return states_[block.index()].norm; }
  // Whether the update in backward measures the gradient as it reads it, into norm().
  bool is_measured_by_update(BlockId block) const;

  bool is_trained(BlockId block) const { return layout(block).trainable > 0; }

 private:
  struct State {
    Operand device;                   // transport gradients, [trainable]
    Operand device_sums;              // fp32
    Operand host;                     // transport gradients
    Operand host_sums;                // fp32
    std::vector<bool> on_host;        // per trainable slot: its gradient is complete in `host`
    bool leaves_in_parts = false;     // a gradient that comes in parts, and those after it
    int left = 0;                     // gradients still to be written
    std::array<Operand, 2> partials;  // [tier]: partial sums of the norm
    std::array<std::vector<bool>, 2> is_summed;  // [tier][trainable slot]: they are complete
    Operand norm;
    Operand held;  // from element held_from() on
  };
  const BlockLayout& layout(BlockId block) const { return pass_.states.layouts[block.index()]; }
  const BlockPlan& how(BlockId block) const { return plan_.of(graph_[block]); }
  bool sums_on_host() const {
    return shape_.micro_batches > 1 && plan_.accumulators == Tier::kHost;
  }
  bool is_last(int micro_batch) const { return micro_batch == shape_.micro_batches - 1; }
  bool is_tied(TensorId parameter) const { return users_[parameter.index()] > 1; }
  // Of transport gradients from element 0 on.
  Operand elements(const Operand& array, std::int64_t first, std::int64_t count) const;
  Operand slot_of(const Operand& array, TensorId parameter, DType dtype) const;
  // The whole array of a block on a tier, made when first asked for.
  Operand& gradients(Operand& array, BlockId block, Tier tier);
  Operand& sums(Operand& array, BlockId block, Tier tier);
  // Whether a node's gradient, or a part of it, is sent to the host as soon as it is written.
  bool leaves_at_once(TensorId parameter) const;
  GradientTarget table_target(TensorId table);
  Operand send(TensorId parameter,
               int micro_batch,
               const Operand& gradient,
               const ElementRange& part);
  void accumulate(const Node& node,
                  TensorId parameter,
                  int micro_batch,
                  const Operand& gradient,
                  const ElementRange& part);
  void round_table(TensorId table);
  void mark_on_host(TensorId parameter);
  // The partial sums of `chunks` chunks from `first` on: of squares, and of what is not finite.
  std::array<Operand, 2> partials_of(BlockId block,
                                     Tier tier,
                                     std::int64_t first,
                                     std::int64_t chunks);
  // Lets a rounding of a whole parameter measure it.
  void measure_with(Op& op, TensorId parameter, Tier tier);
  void measure(BlockId block, const Operand& gradient, Tier tier);
  void send_to_host(BlockId block, const std::vector<OpId>& after);
  void send_range(BlockId block,
                  std::int64_t first,
                  std::int64_t end,
                  const std::vector<OpId>& after);
  void hold(BlockId block);
  void send_on(const Operand& array, std::int64_t first, const Operand& to);

  const ModelGraph& graph_;
  const StateFormat& format_;
  const Plan& plan_;
  const BatchShape& shape_;
  LoweredPass& pass_;
  Emitter& emit_;
  DType transport_;
  std::vector<int> users_;                 // [tensor]: nodes that give a parameter a gradient
  std::vector<State> states_;              // [block]
  std::map<TensorId, Operand> tables_;     // fp32 sums of rows of embedding tables
  std::map<TensorId, Operand> head_last_;  // the last micro-batch's gradient of a tied table
  std::map<TensorId, Ring> leaving_;       // device slots of gradients in parts
  std::map<TensorId, Ring> arrived_;       // host slots of the same
};

}  // namespace longhaul
