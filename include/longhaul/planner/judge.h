// What a plan costs: lowered, placed and simulated in full. Nothing is called fitting that has not
// been placed.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "longhaul/plan/plan.h"
#include "longhaul/planner/problem.h"
#include "longhaul/schedule/placement.h"

namespace longhaul {

// A line of the memory that a plan takes of a tier.
struct LedgerLine {
  Tier tier = Tier::kDevice;
  std::string name;
  Bytes size;
};

struct Judgement {
  Plan plan;
  Seconds step;        // the steady one, simulated
  Seconds after_clip;  // the one after a step that clipped: longer where updates speculate
  std::array<Seconds, kLaneCount> busy{};      // of each lane in a step
  std::array<Bytes, kLaneCount> moved{};       // by copies of each lane in a step
  std::array<Bytes, kTierCount> peak{};        // arena sizes
  std::array<Bytes, kTierCount> persistent{};  // the part that lives across steps
  std::vector<LedgerLine> ledger;              // adds up to `peak`, tier by tier
  std::size_t ops = 0;

  bool fits(const Caps& caps) const {
    for (std::size_t t = 0; t < kTierCount; ++t) {
      if (peak[t] > caps.bytes[t]) return false;
    }
    return true;
  }
  Bytes written() const { return moved[static_cast<std::size_t>(Lane::kDiskWrite)]; }
};

// The mean over steps that clip and steps that do not.
Seconds mean_step(const Problem& problem, const Judgement& judgement);

// Seconds of the mean step plus the price of what it writes: what is minimised.
double cost_of(const Problem& problem, const Judgement& judgement);

// Whether it fits is the caller's to ask. Throws ConfigError when the plan is impossible for the
// graph or the rules of the run.
Judgement judge(const Problem& problem, const Plan& plan);

}  // namespace longhaul
