// One lowering in progress: the visits in order, and in each the ops of its nodes.
#pragma once

#include <string>
#include <vector>

#include "longhaul/graph/backward.h"
#include "longhaul/plan/lower.h"

#include "by_tensor.h"
#include "emitter.h"
#include "gradients.h"
#include "residency.h"
#include "state_buffers.h"
#include "updates.h"
#include "visits.h"

namespace longhaul {

class Lowering {
 public:
  Lowering(const ModelGraph& graph,
           const StateFormat& format,
           const Plan& plan,
           const BatchShape& shape,
           const PassStart& start,
           const ComputeLane& compute);

  // Each returns the finished pass.
  LoweredPass train();
  LoweredPass drain();
  LoweredPass evaluate();
  LoweredPass generate();

 private:
  // Gradients that have left the device and wait for an update in backward, in blocks.
  static constexpr std::size_t kGradientsInFlight = 2;
  struct DueUpdate {
    Update update;
    bool is_left = false;   // by the step before
    std::int64_t next = 0;  // the first element that is not emitted yet; `update.first` at first
  };
  using Targets = std::vector<TensorId>;  // per input of a node: where a gradient goes, or none

  LoweredPass& with_states(const PassStart& start);
  void add_records();
  void add_scratch(Op& op);
  Op node_op(OpKind kind, const Node& node, int micro_batch) const;
  Lane lane_of(const Node& node) const;
  bool is_training() const { return kind_ == Pass::kTrain; }
  Operand input(TensorId tensor, int micro_batch, Tier tier = Tier::kDevice);

  // --- forward
  void forward_all();
  void forward(const Visit& visit);
  void forward_node(const Node& node, int micro_batch);
  void add_caches(const Node& node, int micro_batch, Op& op);

  // --- head
  static std::vector<ElementRange> tiles_of(const HeadLoss& head);
  void head(const Node& node, int micro_batch);
  void whole_head(const Node& node, int micro_batch, const Operand& losses);
  void tiled_head(const Node& node, int micro_batch, const Operand& losses);
  Op head_tile(OpKind kind, const Node& node, int micro_batch, const ElementRange& tile);
  void head_gradients(const Node& node,
                      int micro_batch,
                      const std::vector<ElementRange>& tiles,
                      const Operand& statistics);
  void sum_losses(const Node& node, int micro_batch, const Operand& losses);
  void logits(const Node& node, int micro_batch);

  // --- backward
  void backward(const Visit& visit);
  void backward_node(const Node& node, const Targets& targets, int micro_batch);
  void backward_add(const Node& node, const Targets& targets, int micro_batch);
  Operand output_gradient(const Node& node, int micro_batch, Tier tier);
  GradientTarget target_of(const Node& node, TensorId input, int micro_batch);
  GradientTarget activation_gradient(TensorId tensor, int micro_batch);
  int& sharers(BufferId buffer);
  void wrote(const Node& node,
             TensorId parameter,
             int micro_batch,
             const Operand& gradient,
             const ElementRange& part = {});

  // --- end of blocks and of the step
  // What the step before left of a block's update becomes due, once.
  void begin_pending(BlockId block);
  void update_pending(BlockId block);
  Update update_at_once(BlockId block);
  void finish_blocks();
  void update_due(std::int64_t visits_left);
  void advance(DueUpdate& due, std::int64_t visits_left);
  void end_step();
  void update_finished(const Operand& scalars);

  const ModelGraph& graph_;
  const StateFormat& format_;
  const Plan& plan_;
  BatchShape shape_;
  Pass kind_;
  ComputeLane compute_;
  LoweredPass pass_;
  Emitter emit_;
  Residency residency_;
  Gradients gradients_;
  Updates updates_;

  std::vector<Targets> gradient_inputs_;  // [node]
  std::vector<OpId> waits_;               // of the next op of the compute lane
  ByTensor<Operand> d_;                   // gradients of activations
  std::vector<int> sharers_;              // [buffer]: how many of d_ use it
  Operand losses_;                        // device, StepResults: the sum of losses
  std::vector<BlockId> complete_;         // in this visit, in order
  std::vector<BlockId> finished_;         // whose gradients are complete
  std::vector<bool> is_begun_;            // [block]: see begin_pending
  std::vector<DueUpdate> due_;            // in backward, or left by the step before
  Operand at_once_;                       // scalars of updates in backward
  std::vector<OpId> updated_;             // per update in backward: its last op
};

}  // namespace longhaul
