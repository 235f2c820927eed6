// The linear program of a step: shares of item classes, the same in every block, under the time of
// every lane in every phase and the memory of every tier. It proposes plans, bounds them from
// below, and its duals say what more memory or a faster lane would be worth.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "longhaul/plan/plan.h"
#include "longhaul/planner/problem.h"

#include "step_rates.h"
#include "workload.h"

namespace longhaul {

// How a parameter is kept and updated.
struct StateClass {
  Tier weights = Tier::kDevice;
  Tier states = Tier::kDevice;
  bool keeps_weights_on_device = false;
  Tier update_on = Tier::kDevice;
  Tier gradients = Tier::kDevice;  // where it waits
  bool is_deferred = false;        // updated in the next forward

  bool is_resident() const { return weights == Tier::kDevice || keeps_weights_on_device; }
};

// Blocks [first, end) in the order of the forward.
struct BlockRange {
  std::size_t first = 0;
  std::size_t end = 0;
};

// What is decided before the program is solved.
struct ProgramChoice {
  int passes = 1;  // groups of micro-batches, one after the other
  // Whether weights may stream, and states and weights may have their home on disk.
  bool streams = true;
  bool uses_disk = true;
  Tier accumulators = Tier::kDevice;
  int weight_window = 2;
  int saved_window = 1;
  std::int64_t chunk = 0;  // elements
  int staging = 3;
  bool is_speculative = false;
  std::optional<SavedAction> inputs;  // of blocks; none: in shares
  bool is_merged = false;             // one phase, nothing staged: a lower bound
  // Deferred elements are the last of a block, those in RAM the first: either no deferred ones are
  // in RAM, or all on disk are deferred.
  bool defers_from_ram = false;
  // Rates of links and disks count for so much less.
  double derate = 1.0;
  double compute_derate = 1.0;
  // Kept whole on the device whatever the shares are, which the program does not know: where steps
  // meet, the first blocks are updated last and used first, and nothing else is left to do.
  BlockRange on_device;
  // Instead of time: the least of this tier, whose cap then does not count.
  std::optional<Tier> spared;
  // Added to what the program thinks is needed beside the shares, from a placement that was made.
  std::array<double, kTierCount> reserve{};
};

inline constexpr std::size_t kActionCount = 4;

// Rows of the program that say what time and memory are worth.
enum class Bound : std::uint8_t {
  kCompute,
  kToDevice,
  kToHost,
  kDiskTime,
  kHostWork,
  kHostMemoryTime,
  kDeviceBytes,
  kHostBytes,
  kDiskBytes,
};
inline constexpr std::size_t kBoundCount = 9;

struct ProgramAnswer {
  double seconds = 0.0;  // of the phases, the price of writing not included
  double cost = 0.0;     // with it
  double written = 0.0;  // bytes
  std::vector<StateClass> classes;
  std::vector<double> shares;                           // [class]
  std::vector<std::array<double, kActionCount>> saved;  // [unit][action]
  std::array<double, kActionCount> inputs{};            // [action]
  std::array<double, kBoundCount> worth{};              // seconds per unit of the resource
  std::array<double, kTierCount> needed{};              // bytes, shares and what is beside them
};

// None: nothing fits.
std::optional<ProgramAnswer> solve_step(const Problem& problem,
                                        const Workload& work,
                                        const StepRates& rates,
                                        const ProgramChoice& choice);

}  // namespace longhaul
