#include "residency.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/graph/backward.h"

#include "state_buffers.h"

namespace longhaul {
namespace {

bool is_swapped(SavedAction action) {
  return action == SavedAction::kHost || action == SavedAction::kDisk;
}

bool contains(const std::vector<TensorId>& list, TensorId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

bool is_activation(const ModelGraph& graph, TensorId id) {
  return graph[id].kind == TensorKind::kActivation;
}

}  // namespace

Residency::Residency(const ModelGraph& graph,
                     const StateFormat& format,
                     const Plan& plan,
                     const BatchShape& shape,
                     LoweredPass& pass,
                     Emitter& emit)
    : graph_(graph),
      format_(format),
      plan_(plan),
      shape_(shape),
      pass_(pass),
      emit_(emit),
      places_(graph, shape),
      actions_(graph.tensors.size()),
      again_(graph.blocks.size()),
      from_disk_("weights from disk",
                 Tier::kHost,
                 Bytes{plan.chunk * size_of(format.weight())},
                 plan.staging),
      tiles_("tile of the head's weight", Tier::kDevice, {}, 1) {
  for (const auto& [tensor, buffer] : pass.states.constants) {
    for (int m = 0; m < shape.micro_batches; ++m) {
      places_(tensor, m).device = emit.whole(buffer);
    }
  }
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    const bool is_at_home = plan.of(graph.blocks[b]).weights.tier == Tier::kDevice;
    weights_.push_back(is_at_home ? pass.states.streams[b].front().front().buffer
                                  : pass.states.weight_copies[b]);
  }
  waiting_.resize(graph.blocks.size());
  is_read_elsewhere_.resize(graph.tensors.size());
  for (const Node& node : graph.nodes) {
    for (const TensorId id : node.inputs) {
      if (graph[id].block != node.block) is_read_elsewhere_[id.index()] = true;
    }
    const auto* head = std::get_if<HeadLoss>(&node.kind);
    if (head == nullptr || head->tile_rows == 0 || head->tile_rows >= head->rows) continue;
    if (is_permanent(graph[node.inputs[1]].block)) continue;
    tiled_ = node.inputs[1];
    head_ = node.block;
    const Bytes tile{head->tile_rows * head->width * size_of(format.weight())};
    tiles_ = Ring("tile of the head's weight", Tier::kDevice, tile, plan.weight_window + 1);
  }
}

// --- what each visit needs

std::vector<BlockId> Residency::weights_of(const Visit& visit) const {
  std::vector<BlockId> owners;
  for (const NodeId node : graph_[visit.block].nodes) {
    const bool is_unread = plan_.embeds_on_host || visit.is_backward;  // rows are only added to
    if (is_unread && is<Embedding>(graph_[node])) continue;
    for (const TensorId id : graph_[node].inputs) {
      if (graph_[id].kind != TensorKind::kParameter) continue;
      if (id == tiled_ && is<HeadLoss>(graph_[node])) continue;
      const BlockId owner = graph_[id].block;
      if (std::find(owners.begin(), owners.end(), owner) == owners.end()) owners.push_back(owner);
    }
  }
  return owners;
}

SavedAction Residency::action(BlockId reader, TensorId tensor, int micro_batch) {
  if (graph_[tensor].block != reader) return plan_.block_inputs;
  std::vector<SavedAction>& known = actions_[tensor.index()];
  if (known.empty()) known = saved_actions(plan_, graph_, tensor, shape_.micro_batches);
  return known[static_cast<std::size_t>(micro_batch)];
}

// Micro-batches that keep the same tensors of a block run the same nodes again.
const Residency::Again& Residency::again(const Visit& visit) {
  std::vector<TensorId> kept;
  for (const NodeId node : graph_[visit.block].nodes) {
    for (const TensorId id : graph_[node].inputs) {
      if (graph_[id].block != visit.block) kept.push_back(id);
    }
  }
  const std::vector<TensorId> saved = saved_tensors(graph_, visit.block);
  for (const TensorId id : saved) {
    const SavedAction what = action(visit.block, id, visit.micro_batch);
    if (what != SavedAction::kRecompute) kept.push_back(id);
  }
  std::vector<Again>& known = again_[visit.block.index()];
  const auto found = std::find_if(
      known.begin(), known.end(), [&](const Again& again) { return again.kept == kept; });
  if (found != known.end()) return *found;
  Again again{std::move(kept), {}, {}};
  again.nodes = recompute_closure(graph_, visit.block, again.kept);
  again.needs = backward_needs(again.nodes, saved);
  known.push_back(std::move(again));
  return known.back();
}

// What is read before it is computed again.
std::vector<TensorId> Residency::backward_needs(const std::vector<NodeId>& nodes,
                                                const std::vector<TensorId>& saved) const {
  std::vector<TensorId> again;
  std::vector<TensorId> needs;
  const auto need = [&](TensorId id) {
    if (!contains(again, id) && !contains(needs, id)) needs.push_back(id);
  };
  for (const NodeId node : nodes) {
    for (const TensorId id : graph_[node].inputs) {
      if (is_activation(graph_, id)) need(id);
    }
    again.insert(again.end(), graph_[node].outputs.begin(), graph_[node].outputs.end());
  }
  for (const TensorId id : saved) need(id);
  return needs;
}

std::vector<Residency::Key> Residency::needs(const Visit& visit) {
  std::vector<TensorId> tensors;
  if (visit.is_backward) {
    tensors = again(visit).needs;
  } else {
    for (const NodeId node : graph_[visit.block].nodes) {
      for (const TensorId id : graph_[node].inputs) {
        const bool is_foreign = is_activation(graph_, id) && graph_[id].block != visit.block;
        if (is_foreign && !contains(tensors, id)) tensors.push_back(id);
      }
    }
  }
  std::vector<Key> keys;
  for (const TensorId id : tensors) {
    if (is_swapped(action(visit.block, id, visit.micro_batch))) {
      keys.emplace_back(id, visit.micro_batch);
    }
  }
  return keys;
}

void Residency::begin(std::vector<Visit> visits) {
  visits_ = std::move(visits);
  turns_.resize(graph_.blocks.size());
  last_turn_of_.resize(graph_.blocks.size());
  for (std::size_t v = 0; v < visits_.size(); ++v) {
    const auto turn = static_cast<std::size_t>(visits_[v].turn);
    last_turn_of_[visits_[v].block.index()] = turn;
    needs_.push_back(needs(visits_[v]));
    for (const Key& key : needs_.back()) places_(key.first, key.second).uses.push_back(v);
    if (turn < turn_weights_.size()) continue;
    turn_weights_.push_back(weights_of(visits_[v]));
    for (const BlockId block : turn_weights_.back()) turns_[block.index()].push_back(turn);
  }
}

// --- moving

void Residency::begin_visit(std::size_t visit) {
  now_ = visit;
  hold_lanes(visit);
  const std::vector<OpId> release{emit_.last(Lane::kCompute)};
  const auto turn = static_cast<std::size_t>(visits_[visit].turn);
  const std::size_t last_turn =
      std::min(turn_weights_.size() - 1, turn + static_cast<std::size_t>(plan_.weight_window));
  for (std::size_t t = turn; t <= last_turn; ++t) {
    for (const BlockId block : turn_weights_[t]) {
      if (before_use) before_use(block);
      if (!weights_[block.index()].exists()) fetch_weights(block, t, release);
    }
  }
  const auto window = static_cast<std::size_t>(plan_.saved_window);
  for (std::size_t v = visit; v <= std::min(visits_.size() - 1, visit + window); ++v) {
    for (const Key& key : needs_[v]) {
      Place& place = places_(key.first, key.second);
      if (!place.device.exists()) fetch(place, key, release);
    }
  }
  if (!well_before_use || last_turn + 2 >= turn_weights_.size()) return;
  for (const BlockId block : turn_weights_[last_turn + 2]) well_before_use(block);
}

// A visit's ops wait until what left the device before its window has left, and copies to the host
// until the host has used those of two visits earlier.
void Residency::hold_lanes(std::size_t visit) {
  const std::size_t ahead = static_cast<std::size_t>(plan_.saved_window) + 1;
  if (visit < ahead) return;
  emit_.hold(Lane::kCompute, ends_[visit - ahead].leaving);
  if (visit == ahead || !ends_[visit - ahead - 1].leaving.exists()) return;
  emit_.hold(Lane::kD2h, ends_[visit - ahead - 1].host);
  emit_.hold(Lane::kD2h, ends_[visit - ahead - 1].disk_write);
}

void Residency::end_visit(std::size_t visit) {
  ends_.push_back({emit_.last_leaving(), emit_.last(Lane::kHost), emit_.last(Lane::kDiskWrite)});
  const Visit& now = visits_[visit];
  for (const Key& key : needs_[visit]) drop_if_due(key, visit);
  for (const NodeId node : graph_[now.block].nodes) {
    for (const TensorId id : graph_[node].outputs) drop_if_due({id, now.micro_batch}, visit);
  }
  if (visit + 1 < visits_.size() && visits_[visit + 1].turn == now.turn) return;
  const auto last =
      static_cast<std::size_t>(now.turn) + static_cast<std::size_t>(plan_.weight_window);
  for (const BlockId block : turn_weights_[static_cast<std::size_t>(now.turn)]) {
    if (is_permanent(block)) continue;
    const std::vector<std::size_t>& turns = turns_[block.index()];
    const auto next =
        std::upper_bound(turns.begin(), turns.end(), static_cast<std::size_t>(now.turn));
    if (next == turns.end() || *next > last) weights_[block.index()] = {};
  }
}

// What the window does not need, and what will be computed again.
void Residency::drop_if_due(const Key& key, std::size_t visit) {
  Place& place = places_(key.first, key.second);
  const BlockId block = visits_[visit].block;
  const bool is_again = graph_[key.first].block == block &&
                        !is_read_elsewhere_[key.first.index()] &&
                        action(block, key.first, key.second) == SavedAction::kRecompute;
  if (is_again || leaves(place, visit)) place.device = {};
}

bool Residency::is_permanent(BlockId block) const {
  return plan_.of(graph_[block]).weights.tier == Tier::kDevice ||
         pass_.states.weight_copies[block.index()].exists();
}

// Whether the next use of a tensor lies beyond the window.
bool Residency::leaves(const Place& place, std::size_t visit) const {
  const auto next = std::upper_bound(place.uses.begin(), place.uses.end(), visit);
  return next != place.uses.end() && *next > visit + static_cast<std::size_t>(plan_.saved_window);
}

// Beyond the window: what goes on to disk comes back from the host then.
bool Residency::is_read_again_in_forward(const Place& place) const {
  const auto next = std::upper_bound(place.uses.begin(), place.uses.end(), now_);
  return leaves(place, now_) && !visits_[*next].is_backward;
}

void Residency::produced(TensorId tensor, int micro_batch) {
  Place& place = places_(tensor, micro_batch);
  if (place.is_sent || place.uses.empty()) return;
  bool will_leave = leaves(place, now_);
  for (const std::size_t use : place.uses) {
    will_leave = will_leave || (use > now_ && leaves(place, use));
  }
  if (will_leave) send(place, {tensor, micro_batch});
}

void Residency::send(Place& place, const Key& key) {
  place.is_sent = true;
  if (!place.device.exists()) return;  // was produced on the host
  const Tensor& tensor = graph_[key.first];
  BufferName name{.what = tensor.name, .micro_batch = key.second, .after = " on the host"};
  const Bytes size = place.device.size;
  const BlockId reader = visits_[place.uses.front()].block;
  place.host = emit_.whole(emit_.add_buffer(name, Tier::kHost, size));
  emit_.copy(place.device, place.host);
  if (action(reader, key.first, key.second) != SavedAction::kDisk) return;
  name.after = " on disk";
  place.disk = emit_.whole(emit_.add_buffer(name, Tier::kDisk, size));
  emit_.copy(place.host, place.disk);
  if (!is_read_again_in_forward(place)) place.host = {};
}

void Residency::fetch(Place& place, const Key& key, const std::vector<OpId>& after) {
  if (!place.host.exists() && !place.disk.exists()) return;  // still to be produced
  BufferName name{.what = graph_[key.first].name, .micro_batch = key.second};
  Operand from = place.host;
  if (!from.exists()) {
    name.after = " back from disk";
    from = emit_.whole(emit_.add_buffer(name, Tier::kHost, place.disk.size));
    emit_.copy(place.disk, from, after);
  }
  name.after = ", fetched";
  place.device = emit_.whole(emit_.add_buffer(name, Tier::kDevice, from.size));
  emit_.copy(from, place.device, after);
  if (place.disk.exists()) place.host = {};
}

// --- within a visit

Operand Residency::require(TensorId tensor, int micro_batch, Tier tier) {
  const Key key{tensor, micro_batch};
  if (graph_[tensor].kind == TensorKind::kInput) return input(key, tier);
  Place& place = places_(tensor, micro_batch);
  Operand& here = tier == Tier::kDevice ? place.device : place.host;
  if (!here.exists() && tier == Tier::kDevice) fetch(place, key, {});
  longhaul::require(here.exists(), graph_[tensor].name, ": used where it is not");
  return here;
}

Operand Residency::input(const Key& key, Tier tier) {
  const Tensor& what = graph_[key.first];
  Place& place = places_(key.first, key.second);
  if (!place.host.exists()) {
    const BufferName name{.what = what.name, .micro_batch = key.second, .after = " on the host"};
    const BufferId host = emit_.add_buffer(name, Tier::kHost, byte_count(what, shape_), true);
    pass_.inputs.push_back({key.first, key.second, host});
    place.host = emit_.whole(host);
  }
  if (tier == Tier::kHost) return place.host;
  if (!place.device.exists()) fetch(place, key, {});
  return place.device;
}

Operand Residency::produce(TensorId tensor, int micro_batch, Tier tier) {
  const Tensor& what = graph_[tensor];
  const BufferName name{.what = what.name, .micro_batch = micro_batch};
  Place& place = places_(tensor, micro_batch);
  Operand& here = tier == Tier::kDevice ? place.device : place.host;
  return here = emit_.whole(emit_.add_buffer(name, tier, byte_count(what, shape_)));
}

Operand Residency::record(BufferId host) {
  const auto found = records_.find(host);
  if (found != records_.end()) return found->second;
  const Operand from = emit_.whole(host);
  const BufferName name{.what = emit_.schedule()[host].name, .after = ", uploaded"};
  const BufferId device = emit_.add_buffer(name, Tier::kDevice, from.size);
  emit_.copy(from, emit_.whole(device));
  return records_[host] = emit_.whole(device);
}

}  // namespace longhaul
