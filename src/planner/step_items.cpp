#include "step_items.h"

#include <algorithm>

namespace longhaul {
namespace {

// Blocks of gradients that wait on the host for an update in backward, and the one that arrives.
constexpr double kGradientsInFlight = 3.0;

// The most that `count` neighbouring blocks hold.
double neighbours(const std::vector<double>& sizes, std::size_t count) {
  double most = 0.0;
  for (std::size_t b = 0; b < sizes.size(); ++b) {
    double sum = 0.0;
    for (std::size_t i = b; i < std::min(sizes.size(), b + count); ++i) sum += sizes[i];
    most = std::max(most, sum);
  }
  return most;
}

}  // namespace

StepItems::StepItems(const Problem& problem,
                     const Workload& work,
                     const StepRates& rates,
                     const ProgramChoice& choice)
    : problem_(problem), work_(work), rates_(rates), choice_(choice) {
  weight_ = static_cast<double>(size_of(problem.format.weight()));
  transport_ = static_cast<double>(size_of(problem.format.transport()));
  for (std::size_t s = 1; s < problem.format.streams.size(); ++s) {
    states_ += static_cast<double>(size_of(problem.format.streams[s].dtype));
  }
  passes_ = choice.passes;
  group_ = static_cast<double>(problem.shape.micro_batches) / passes_;
  blocks_ = static_cast<double>(problem.graph.blocks.size());
}

Item StepItems::base() const {
  Item item;
  const double all = static_cast<double>(problem_.shape.micro_batches);
  item.loads[kForwardPhase].compute = group_ * work_.forward;
  item.loads[kMiddle].compute = (all - group_) * (work_.forward + work_.backward);
  item.loads[kBackwardPhase].compute =
      group_ * work_.backward + transport_ * work_.trainable * rates_.device_memory;
  if (all > 1 && choice_.accumulators == Tier::kDevice) {
    const double sums = (transport_ + 8.0) * work_.trainable * rates_.device_memory;
    item.loads[kMiddle].compute += (all - group_) * sums;
    item.loads[kBackwardPhase].compute += group_ * sums;
  }
  return item;
}

// --- memory beside the shares

double StepItems::needed_beside_shares(Tier tier) const {
  const double block = neighbours(work_.block_trainable, 1);
  if (choice_.is_merged) return tier == Tier::kDevice ? block * transport_ : 0.0;
  switch (tier) {
    case Tier::kDevice: return needed_on_device();
    case Tier::kHost: return needed_on_host(block);
    case Tier::kDisk: return 0.0;
  }
  return 0.0;
}

// Around each block: its visit, weights on their way to it, gradients on their way from it.
double StepItems::needed_on_device() const {
  const auto ahead = static_cast<std::size_t>(choice_.weight_window) + 1;
  const auto leaving = static_cast<std::size_t>(choice_.saved_window) + 1;
  const std::size_t count = work_.visit_bytes.size();
  double most = 0.0;
  for (std::size_t b = 0; b < count; ++b) {
    double here = work_.visit_bytes[b];
    for (std::size_t i = b + 1 >= ahead ? b + 1 - ahead : 0; choice_.streams && i <= b; ++i) {
      here += weights_around(i) * weight_;
    }
    for (std::size_t i = b; i < std::min(count, b + leaving); ++i) {
      here += gradients_around(i) * transport_;
    }
    if (sums_on(Tier::kDevice)) here += 4.0 * work_.block_trainable[b];
    const bool has_tiles = b + 1 == count && choice_.streams;
    if (has_tiles) here += (choice_.weight_window + 3) * work_.head_tile * weight_;
    most = std::max(most, here);
  }
  if (sums_on(Tier::kDevice) && passes_ > 1) most += 4.0 * work_.trainable;
  return most + (group_ + 2.0) * work_.hidden_bytes;
}

// Elements on the device around a visit of a block, where they stream.
double StepItems::weights_around(std::size_t block) const {
  return gathers_on_host() && block == work_.embedding ? 0.0 : work_.visit_weights[block];
}

double StepItems::gradients_around(std::size_t block) const {
  const bool is_table = choice_.streams && block == work_.tiled;
  if (gathers_on_host() && block == work_.embedding) return 0.0;
  return is_table ? work_.visit_weights[block] : work_.block_trainable[block];
}

// See place_embedding.
bool StepItems::gathers_on_host() const {
  return choice_.streams && (problem_.shape.micro_batches == 1 || sums_on(Tier::kHost));
}

double StepItems::needed_on_host(double block) const {
  double sum = 0.0;
  if (choice_.streams || choice_.uses_disk) sum += kGradientsInFlight * transport_ * block;
  if (sums_on(Tier::kHost)) {
    sum += (passes_ > 1 ? 4.0 * work_.trainable : 8.0 * block) +
           (choice_.saved_window + 2) * transport_ * block;
  }
  if (choice_.uses_disk) {
    const double chunk = static_cast<double>(choice_.chunk) * choice_.staging;
    sum += chunk * (states_ + 2.0 * weight_ + transport_);
    const auto waiting = static_cast<std::size_t>(choice_.weight_window) + 2;
    sum += neighbours(work_.block_weights, waiting) * weight_;
  }
  return sum;
}

bool StepItems::sums_on(Tier tier) const {
  return problem_.shape.micro_batches > 1 && choice_.accumulators == tier;
}

// --- states

std::vector<StateClass> StepItems::classes() const {
  std::vector<StateClass> homes{{}};  // all on the device
  for (const Tier states : {Tier::kHost, Tier::kDisk}) {
    homes.push_back({Tier::kDevice, states, false, Tier::kDevice});
    for (const Tier weights : {Tier::kHost, Tier::kDisk}) {
      if (weights == Tier::kDisk && states == Tier::kHost) continue;
      homes.push_back({weights, states, true, Tier::kHost, Tier::kHost});
      homes.push_back({weights, states, false, Tier::kHost, Tier::kHost});
      homes.push_back({weights, states, false, Tier::kDevice, Tier::kDevice});
    }
  }
  std::vector<StateClass> all;
  for (const StateClass& home : homes) {
    const bool uses_disk = home.weights == Tier::kDisk || home.states == Tier::kDisk;
    if (uses_disk && !choice_.uses_disk) continue;
    if (!home.is_resident() && !choice_.streams) continue;
    add_times(home, all);
  }
  return all;
}

void StepItems::add_times(StateClass kind, std::vector<StateClass>& all) const {
  const bool runs_in_backward = !problem_.clips || choice_.is_speculative;
  const bool in_ram = kind.states != Tier::kDisk;
  const bool may_stay = in_ram || !choice_.defers_from_ram;
  const bool may_wait = !runs_in_backward || !in_ram || choice_.defers_from_ram;
  if (sums_on(Tier::kHost) && kind.gradients == Tier::kDevice) kind.gradients = Tier::kHost;
  const auto add = [&](bool keeps_gradient) {
    all.push_back(kind);
    if (!keeps_gradient || kind.gradients != Tier::kHost || !choice_.uses_disk) return;
    all.push_back(kind);
    all.back().gradients = Tier::kDisk;
  };
  if (runs_in_backward && may_stay) add(choice_.is_speculative);
  kind.is_deferred = true;
  if (may_wait) add(!choice_.is_speculative);
}

Item StepItems::states(const StateClass& kind) const {
  Item item;
  add_fetches(kind, item);
  add_gradient(kind, item);
  add_update(kind, item);
  const double n = work_.trainable;
  item.bytes[index_of(kind.weights)] += weight_ * work_.weights;
  item.bytes[index_of(kind.states)] += states_ * n;
  if (kind.keeps_weights_on_device) {
    item.bytes[index_of(Tier::kDevice)] += weight_ * work_.weights;
  }
  const bool keeps_gradient = kind.is_deferred || choice_.is_speculative;
  if (keeps_gradient) item.bytes[index_of(kind.gradients)] += transport_ * n;
  if (choice_.is_speculative && !kind.is_deferred) {
    item.bytes[index_of(kind.weights)] += weight_ * n;
    item.bytes[index_of(kind.states)] += states_ * n;
  }
  return item;
}

void StepItems::add_fetches(const StateClass& kind, Item& item) const {
  if (kind.is_resident()) return;
  const double staying = std::min(1.0, choice_.weight_window / blocks_);
  const double forward = weight_ * work_.forward_fetch;
  const double backward = weight_ * work_.backward_fetch * (1.0 - staying);
  const std::array<double, kPhases> bytes{forward, (passes_ - 1) * (forward + backward), backward};
  for (std::size_t q = 0; q < kPhases; ++q) {
    item.loads[q].to_device += bytes[q];
    if (kind.weights == Tier::kDisk) item.loads[q].disk_read += bytes[q];
  }
}

void StepItems::add_gradient(const StateClass& kind, Item& item) const {
  if (kind.gradients == Tier::kDevice) return;
  const double once = transport_ * work_.trainable;
  Load& last = item.loads[kBackwardPhase];
  if (sums_on(Tier::kHost)) {
    const double all = static_cast<double>(problem_.shape.micro_batches);
    Load each;
    each.to_host = once;
    each.host_bytes = once + 8.0 * work_.trainable;
    each.host_work = each.host_bytes * rates_.accumulate;
    item.loads[kMiddle] += each * (all - group_);
    last += each * group_;
  } else {
    last.to_host += once;
  }
  const bool keeps = kind.is_deferred || choice_.is_speculative;
  if (kind.gradients == Tier::kDisk && keeps) last.disk_write += once;
}

void StepItems::add_update(const StateClass& kind, Item& item) const {
  item.loads[kind.is_deferred ? kForwardPhase : kBackwardPhase] +=
      update_load(kind, kind.is_deferred);
  const bool may_fail = choice_.is_speculative && !kind.is_deferred;
  if (may_fail) item.loads[kForwardPhase] += update_load(kind, true) * problem_.clip_share;
}

Load StepItems::update_load(const StateClass& kind, bool in_forward) const {
  const double n = work_.trainable;
  Load load;
  const bool fetched = !kind.is_resident() && !in_forward && kind.update_on == Tier::kHost;
  if (kind.states == Tier::kDisk) {
    load.disk_read += states_ * n;
    load.disk_write += states_ * n;
  }
  if (kind.weights == Tier::kDisk) {
    if (!fetched) load.disk_read += weight_ * n;
    load.disk_write += weight_ * n;
  }
  if (in_forward && kind.gradients == Tier::kDisk) load.disk_read += transport_ * n;
  const double touched = 2.0 * (weight_ + states_) + transport_;
  if (kind.update_on == Tier::kHost) {
    load.host_work += rates_.update * n;
    load.host_bytes += touched * n;
    if (kind.keeps_weights_on_device) load.to_device += weight_ * n;
    return load;
  }
  load.compute += touched * n * rates_.device_memory;
  double moved = kind.states == Tier::kDevice ? 0.0 : states_ * n;
  if (kind.weights != Tier::kDevice) moved += weight_ * n;
  load.to_device += moved;
  load.to_host += moved;
  if (kind.gradients != Tier::kDevice) load.to_device += transport_ * n;
  return load;
}

// --- saved tensors

// A tensor of `bytes` a micro-batch that goes to `action` in forward and comes back in backward.
Item StepItems::swap_item(SavedAction action, double bytes, double sites) const {
  Item item;
  const double rest = (passes_ - 1) * group_;
  if (action == SavedAction::kKeep) {
    item.bytes[index_of(Tier::kDevice)] += group_ * bytes;
    return item;
  }
  const bool to_disk = action == SavedAction::kDisk;
  Load out;
  out.to_host = bytes;
  Load back;
  back.to_device = bytes;
  if (to_disk) {
    out.disk_write = bytes;
    back.disk_read = bytes;
  }
  item.loads[kForwardPhase] = out * group_;
  item.loads[kBackwardPhase] = back * group_;
  item.loads[kMiddle] = out * rest;
  item.loads[kMiddle] += back * rest;
  const double under_way = bytes / sites * (choice_.is_merged ? 0 : choice_.saved_window + 1);
  item.bytes[index_of(Tier::kDevice)] += under_way;
  if (to_disk) item.bytes[index_of(Tier::kHost)] += 2.0 * under_way + 2.0 * bytes / sites;
  item.bytes[index_of(to_disk ? Tier::kDisk : Tier::kHost)] += group_ * bytes;
  return item;
}

Item StepItems::saved(const SavedUnit& unit, SavedAction action) const {
  Item item;
  if (action == SavedAction::kRecompute) {
    item.loads[kMiddle].compute = (passes_ - 1) * group_ * unit.seconds;
    item.loads[kBackwardPhase].compute = group_ * unit.seconds;
  } else {
    item = swap_item(action, unit.bytes, static_cast<double>(unit.sites.size()));
  }
  return item;
}

Item StepItems::inputs(SavedAction action) const {
  Item item;
  if (action != SavedAction::kRecompute) {
    item = swap_item(action, work_.input_bytes, std::max(1.0, blocks_ - 2.0));
    // With several micro-batches in a group it has left before the next block reads it.
    if (action != SavedAction::kKeep && group_ > choice_.saved_window + 1) {
      Load again;
      again.to_device = work_.input_bytes;
      item.loads[kForwardPhase] += again * group_;
      item.loads[kMiddle] += again * ((passes_ - 1) * group_);
    }
  }
  return item;
}

bool StepItems::has_tier(SavedAction action) const {
  return action != SavedAction::kDisk ||
         (choice_.uses_disk && problem_.caps.bytes[index_of(Tier::kDisk)].count > 0);
}

}  // namespace longhaul
