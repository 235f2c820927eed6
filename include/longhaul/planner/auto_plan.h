// The policy `auto`: the plan with the shortest simulated step under the caps, and why it is the
// one. docs/planner.md says what is minimised and how far from its bounds the answer is.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/planner/judge.h"
#include "longhaul/planner/problem.h"

namespace longhaul {

// Seconds that a step cannot go below, as far as the linear program knows the machine.
struct StepBounds {
  Seconds merged;  // of any plan, every lane used all the time: optimistic
  Seconds phases;  // of this plan's structure: what its schedule can come close to
};

// What binds, by the duals of the program.
struct Worth {
  std::array<double, kTierCount> per_byte{};  // seconds a step that one more byte of a cap saves
  // Of the step's seconds, those for which a resource is to blame.
  Seconds compute;
  Seconds to_device;
  Seconds to_host;
  Seconds disk;
  Seconds updates;      // and other work of the host lane
  Seconds host_memory;  // its bandwidth
};

struct AutoPlan {
  std::optional<Judgement> best;  // none: nothing was found that fits
  StepBounds bounds;
  Worth worth;
  std::string
      refusal;  // where nothing was found: the bound that is violated, or that none is known
};

// Deterministic. Throws ConfigError when the rules of the run are impossible.
AutoPlan make_auto_plan(const Problem& problem);

// The size of micro-batches, where the run leaves it open: the one whose plan promises the shortest
// step, of those that divide the step and hold `least` tokens. Returns the tokens.
std::int64_t choose_micro_batch(Problem problem, std::int64_t least);

// One change of the machine or of the run and the plan that it leads to, which was made.
struct Change {
  std::string text;  // "64 GiB more host memory"
  Judgement judgement;
  double speedup = 1.0;  // tokens a second against `plan`
};

// What would help most, the best first; no change that does nothing.
std::vector<Change> what_would_help(const Problem& problem, const AutoPlan& plan);

// For a problem that nothing fits: the smallest change of one thing each that does.
std::vector<Change> what_would_fit(const Problem& problem);

}  // namespace longhaul
