// The systems of the literature as they are, not as our engine would run their plans: their own
// byte formats, their own order of I/O. Each becomes a schedule for the simulator, so that
// published tables test the simulator, and predictions for other models and machines take the same
// path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longhaul/hardware/profile.h"
#include "longhaul/planner/lohan.h"
#include "longhaul/schedule/schedule.h"
#include "longhaul/sim/cost.h"

namespace longhaul {

enum class PublishedSystem : std::uint8_t {
  kLohan,
  kLohanNaive,   // a group is read, updated and written before anything else is read
  kLohanSerial,  // the optimizer is a stage of its own
  kZeroOffload,
  kZeroInfinity,
};

// "lohan", "lohan_naive", ...
const char* name_of(PublishedSystem system);

// A decoder as LoHan's evaluation has it: no head, dense attention, learned positions not counted.
struct GptShape {
  int layers = 0;
  std::int64_t width = 0;
  std::int64_t vocabulary = 50257;
  std::int64_t sequence = 1024;

  double block_parameters() const;
  double parameters() const;
};

// The model as LoHan's planner sees it at a batch: four products and the rest per block.
LohanWork lohan_work(const GptShape& model, int batch);

struct PublishedStep {
  Schedule schedule;  // three steps, one after the other
  OpCosts costs;
  std::vector<OpId> ends;  // of each step: its last op, of LoHan's the last on the GPU
  Bytes swapped;           // activations out of the GPU, per step
  Bytes host;              // memory of the host that the system needs without activations
};

// Throws InvalidArgument when the machine has no disk and the system needs one, or no rate for
// memory that is not pinned and the system uses it.
PublishedStep published_step(PublishedSystem system,
                             const GptShape& model,
                             int batch,
                             const HardwareProfile& machine);

// The time between the ends of the last two of the three steps.
Seconds steady_step(const PublishedStep& steps);

}  // namespace longhaul
