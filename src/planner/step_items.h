// What each choice of a step's linear program takes: of the lanes in every phase, and of the memory
// of every tier. Bytes and seconds of a whole step, for a share of 1.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "step_program.h"

namespace longhaul {

inline constexpr std::size_t kPhases = 3;  // first forward, all between, last backward
enum Phase : std::uint8_t { kForwardPhase, kMiddle, kBackwardPhase };

// What one phase takes of the lanes.
struct Load {
  double compute = 0.0;  // seconds
  double to_device = 0.0;
  double to_host = 0.0;
  double disk_read = 0.0;
  double disk_write = 0.0;
  double host_work = 0.0;   // seconds
  double host_bytes = 0.0;  // of host memory, beside those of copies

  Load& operator+=(const Load& o) {
    compute += o.compute;
    to_device += o.to_device;
    to_host += o.to_host;
    disk_read += o.disk_read;
    disk_write += o.disk_write;
    host_work += o.host_work;
    host_bytes += o.host_bytes;
    return *this;
  }
  Load operator*(double n) const {
    return {compute * n,
            to_device * n,
            to_host * n,
            disk_read * n,
            disk_write * n,
            host_work * n,
            host_bytes * n};
  }
  double copied() const { return to_device + to_host + disk_read + disk_write; }
};

struct Item {
  std::array<Load, kPhases> loads{};
  std::array<double, kTierCount> bytes{};
};

inline std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}

// Keeps references to its arguments.
class StepItems {
 public:
  StepItems(const Problem& problem,
            const Workload& work,
            const StepRates& rates,
            const ProgramChoice& choice);

  // What does not depend on shares.
  Item base() const;
  // Bytes of a tier that staging and a visit take, whatever the shares are.
  double needed_beside_shares(Tier tier) const;

  // The classes that the choice allows, and all parameters kept as one of them says.
  std::vector<StateClass> classes() const;
  Item states(const StateClass& kind) const;

  // Every tensor of the unit, or the inputs of all blocks, under one action.
  Item saved(const SavedUnit& unit, SavedAction action) const;
  Item inputs(SavedAction action) const;
  // Whether there is a disk for what would go there.
  bool has_tier(SavedAction action) const;

 private:
  double needed_on_device() const;
  double needed_on_host(double block) const;
  bool sums_on(Tier tier) const;
  double weights_around(std::size_t block) const;
  double gradients_around(std::size_t block) const;
  bool gathers_on_host() const;
  void add_times(StateClass kind, std::vector<StateClass>& all) const;
  void add_fetches(const StateClass& kind, Item& item) const;
  void add_gradient(const StateClass& kind, Item& item) const;
  void add_update(const StateClass& kind, Item& item) const;
  Load update_load(const StateClass& kind, bool in_forward) const;
  Item swap_item(SavedAction action, double bytes, double sites) const;

  const Problem& problem_;
  const Workload& work_;
  const StepRates& rates_;
  const ProgramChoice& choice_;
  double weight_ = 0.0;  // bytes a parameter
  double transport_ = 0.0;
  double states_ = 0.0;
  int passes_ = 1;
  double group_ = 1.0;  // micro-batches of a pass
  double blocks_ = 1.0;
};

}  // namespace longhaul
