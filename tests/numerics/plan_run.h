// Five steps of a small model under a plan, as numbers to compare to the bit.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "longhaul/optim/state_format.h"
#include "longhaul/plan/lower.h"
#include "longhaul/runtime/device.h"

namespace longhaul::test {

inline constexpr int kSteps = 5;

struct Setting {
  std::string model;  // a golden model whose family is taken, wide enough for blocks of many chunks
  Precision precision = Precision::kF32;
  int micro_batches = 1;
  bool clips = false;    // some steps, not all; and one step has gradients that are not finite
  bool freezes = false;  // what projects to queries, and the gains, do not train
  std::int64_t head_tile_rows = 0;  // a rule of the run

  std::string name() const;
};

// Three tiles, the last one smaller, none at a multiple of 64 KiB.
inline constexpr std::int64_t kHeadTileRows = 248;

ModelGraph graph_of(const Setting& setting);
BatchShape shape_of(const Setting& setting);

struct Outcome {
  std::vector<float> numbers;  // losses, norms, masters, moments
  int clipped = 0;             // steps
  int skipped = 0;
};

// `tamper` changes every lowered pass; `speeds` are the device's.
Outcome run(const Setting& setting,
            const Plan& plan,
            const std::function<void(LoweredPass&)>& tamper = {},
            const std::array<LaneSpeed, kLaneCount>& speeds = {});

// The outcome of the resident plan; computed once.
const Outcome& resident(const Setting& setting);

bool is_same(const Outcome& a, const Outcome& b);

}  // namespace longhaul::test
