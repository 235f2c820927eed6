// Shares become a plan: whole blocks and tensors where the plan has no shares of its own, spread
// evenly over blocks and micro-batches.
#pragma once

#include "longhaul/plan/plan.h"
#include "longhaul/planner/problem.h"

#include "step_program.h"
#include "workload.h"

namespace longhaul {

Plan realize(const Problem& problem,
             const Workload& work,
             const ProgramChoice& choice,
             const ProgramAnswer& answer);

}  // namespace longhaul
