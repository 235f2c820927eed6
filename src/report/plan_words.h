// A plan and what it costs in words and shares.
#pragma once

#include <string>

#include "longhaul/core/units.h"
#include "longhaul/planner/judge.h"

namespace longhaul {

// "12.3", "0.12": three significant digits, no exponent.
std::string number(double value);
// "45 %".
std::string percent(double share);

// Where a line of the ledger lies: "20 % device, 80 % host".
std::string homes(const Judgement& judgement, const std::string& name);

// Saved tensors by what becomes of them.
struct SavedBytes {
  double kept = 0.0;
  double host = 0.0;
  double disk = 0.0;
  double recomputed = 0.0;

  double all() const { return kept + host + disk + recomputed; }
};
SavedBytes saved_bytes(const Problem& problem, const Plan& plan);

// As far as the plan alone says it: tiers instead of amounts.
std::vector<std::string> plan_in_words(const Plan& plan);

Lane busiest(const Judgement& judgement);

// FLOPs of the model in a step, nothing recomputed, at the length of its sequences.
Flops model_flops(const Problem& problem);

}  // namespace longhaul
