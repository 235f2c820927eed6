// A plan taken apart: one decision for every block, and one for every saved tensor of every
// micro-batch. What makes plans or changes them works on this form.
#pragma once

#include <array>
#include <vector>

#include "longhaul/plan/plan.h"
#include "longhaul/planner/problem.h"

#include "workload.h"

namespace longhaul {

using Actions = std::vector<SavedAction>;  // [micro-batch]

struct Decisions {
  Plan rest;                                // all but blocks, exceptions and rules of saved tensors
  std::vector<BlockPlan> blocks;            // [block]
  std::vector<std::vector<Actions>> saved;  // [unit][site]

  bool operator==(const Decisions&) const = default;
};

// What the last block saves never leaves the device and is nobody's decision.
Decisions decisions_of(const Problem& problem, const Workload& work, const Plan& plan);

// In few words: what most blocks and most sites have in common is said once.
Plan plan_of(const Problem& problem, const Workload& work, const Decisions& decisions);

// What weights and states take of every tier, in one slot.
std::array<double, kTierCount> bytes_of_states(const Problem& problem,
                                               const Workload& work,
                                               const Decisions& decisions);

// Gathers the embedding on the host where that is possible and pays, or sums on the host ask for
// it: only the rows that are used cross the link then.
void place_embedding(const Problem& problem, Decisions& decisions);

}  // namespace longhaul
