// Judging many plans of one problem. What a plan takes is known before it is placed, and placing
// takes longer than all the rest: a plan that is not the best so far is not placed.
#pragma once

#include <array>
#include <cstddef>
#include <limits>

#include "longhaul/plan/lower.h"
#include "longhaul/planner/judge.h"
#include "longhaul/sim/cost.h"

namespace longhaul {

// A plan lowered and simulated, but not placed.
struct Trial {
  Plan plan;
  LoweredPass pass;
  Seconds step;        // where a speculation held
  Seconds after_clip;  // where it did not; the same for plans that do not speculate
  std::array<Seconds, kLaneCount> busy{};
  std::array<Bytes, kLaneCount> moved{};
  std::array<Bytes, kTierCount> least{};  // no placement takes less

  bool may_fit(const Caps& caps) const;
  std::size_t ops = 0;
};

class Judging {
 public:
  // Keeps a reference to `problem`.
  explicit Judging(const Problem& problem);

  // The step after one that clipped is simulated where the other one does not cost `limit` already.
  Trial simulated(const Plan& plan, double limit = std::numeric_limits<double>::infinity()) const;
  // A tier that takes no more than `enough` is not looked at again: it may take less.
  Judgement placed(Trial trial, const Caps& enough) const;

  // What is minimised: see cost_of(Judgement).
  double cost_of(const Trial& trial) const;

 private:
  LoweredPass lowered(const Plan& plan, const Standing& found) const;

  const Problem& problem_;
  CostModel costs_;
};

}  // namespace longhaul
