// Where every weight and tensor of a pass is, and the only place in lowering that moves them: what
// a visit needs is fetched before it begins, what will not be needed soon leaves after it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "longhaul/plan/lower.h"

#include "by_tensor.h"
#include "emitter.h"
#include "visits.h"

namespace longhaul {

class Residency {
 public:
  Residency(const ModelGraph& graph,
            const StateFormat& format,
            const Plan& plan,
            const BatchShape& shape,
            LoweredPass& pass,
            Emitter& emit);

  // --- once per pass: all visits in order
  void begin(std::vector<Visit> visits);
  // Before the ops of a visit: fetches for it and for those within the windows ahead of it, and
  // holds the lanes so that what leaves does not pile up.
  void begin_visit(std::size_t visit);
  void end_visit(std::size_t visit);

  // --- within a visit
  // The range of a constant, an input or a produced tensor of a micro-batch on `tier` (device or
  // host). An input comes the first time it is asked for. Throws InvalidArgument for an activation
  // that is not there.
  Operand require(TensorId tensor, int micro_batch, Tier tier = Tier::kDevice);
  // A fresh buffer for what a node is about to write.
  Operand produce(TensorId tensor, int micro_batch, Tier tier = Tier::kDevice);
  // After the node: sends what will leave.
  void produced(TensorId tensor, int micro_batch);
  // The weight as the device computes with it, or where the host finds it.
  Operand weight(TensorId parameter, Tier tier = Tier::kDevice);
  // Elements of the head's weight on the device; where it comes by tiles, a slot that the tile
  // after the next one takes over.
  Operand weight_part(TensorId parameter, const ElementRange& part);
  // Weights that came from disk for the last time in this pass and wait on the host for their
  // update, from element 0 on; none otherwise.
  Operand weights_on_host(BlockId block) const { return waiting_[block.index()]; }
  // The device copy of a record on the host.
  Operand record(BufferId host);

  // Called before the weights of a block are used or fetched: whoever must change them first.
  std::function<void(BlockId)> before_use;
  // Called two turns before the weights of a block are fetched, after the fetches of a visit.
  std::function<void(BlockId)> well_before_use;

  // What backward of a visit runs again, in order.
  const std::vector<NodeId>& recomputed(const Visit& visit) { return again(visit).nodes; }

 private:
  using Key = std::pair<TensorId, int>;
  struct Place {
    Operand device;
    Operand host;
    Operand disk;
    bool is_sent = false;
    std::vector<std::size_t> uses;  // visits, in order; of what may leave only
  };

  // What a block's backward computes again where it keeps these tensors.
  struct Again {
    std::vector<TensorId> kept;
    std::vector<NodeId> nodes;
    std::vector<TensorId> needs;  // tensors that have to be there
  };

  // saved_action() of the plan, whose rules are matched once per tensor.
  SavedAction action(BlockId reader, TensorId tensor, int micro_batch);
  const Again& again(const Visit& visit);
  std::vector<Key> needs(const Visit& visit);
  std::vector<TensorId> backward_needs(const std::vector<NodeId>& nodes,
                                       const std::vector<TensorId>& saved) const;
  std::vector<BlockId> weights_of(const Visit& visit) const;
  // The last ops of some lanes when a visit ended.
  struct End {
    OpId leaving;
    OpId host;
    OpId disk_write;
  };
  void hold_lanes(std::size_t visit);
  bool is_permanent(BlockId block) const;
  bool leaves(const Place& place, std::size_t visit) const;
  bool is_read_again_in_forward(const Place& place) const;
  void drop_if_due(const Key& key, std::size_t visit);
  void send(Place& place, const Key& key);
  void fetch(Place& place, const Key& key, const std::vector<OpId>& after);
  void fetch_weights(BlockId block, std::size_t turn, const std::vector<OpId>& after);
  // Elements of a block's weights, chunk by chunk; those on disk through `waiting`, which holds the
  // whole block, or through a ring.
  void bring_weights(BlockId block,
                     std::int64_t first,
                     const Operand& to,
                     const Operand& waiting,
                     const std::vector<OpId>& after);
  // What a fetch of a block leaves out because the head brings it tile by tile.
  ElementRange left_out(BlockId block) const;
  bool waits_for_update(BlockId block, std::size_t turn) const;
  Operand input(const Key& key, Tier tier);

  const ModelGraph& graph_;
  const StateFormat& format_;
  const Plan& plan_;
  const BatchShape& shape_;
  LoweredPass& pass_;
  Emitter& emit_;
  std::vector<Visit> visits_;
  std::size_t now_ = 0;
  ByTensor<Place> places_;
  std::vector<BufferId> weights_;        // [block], on the device, or none
  std::vector<Operand> waiting_;         // [block]: see weights_on_host
  std::vector<bool> is_read_elsewhere_;  // [tensor]: by a node of another block
  // [tensor][micro-batch]: of those that their own block reads, once one was asked for
  std::vector<std::vector<SavedAction>> actions_;
  std::vector<std::vector<Again>> again_;  // [block]
  std::map<BufferId, Operand> records_;
  std::vector<std::vector<Key>> needs_;             // [visit]
  std::vector<std::vector<BlockId>> turn_weights_;  // [turn]: whose weights it uses
  std::vector<std::vector<std::size_t>> turns_;     // [block]: turns that use its weights
  std::vector<std::size_t> last_turn_of_;           // [block]: of its own visits
  std::vector<End> ends_;                           // [visit]
  Ring from_disk_;
  // The head's weight where it comes by tiles: its home is not the device, and the run's rules cut
  // it.
  TensorId tiled_;
  BlockId head_;  // the block whose node reads it
  Ring tiles_;    // slots for tiles on the device
};

}  // namespace longhaul
