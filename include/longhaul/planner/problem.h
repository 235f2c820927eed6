// What a plan is made for. A plan is a pure function of this: any machine can plan for any machine.
#pragma once

#include "longhaul/graph/model_graph.h"
#include "longhaul/hardware/profile.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/plan/scratch.h"
#include "longhaul/schedule/placement.h"
#include "longhaul/sim/cost.h"

namespace longhaul {

struct Problem {
  ModelGraph graph;
  StateFormat format;
  // Rules of the run: micro-batches of shape.tokens, shape.micro_batches of them in a step.
  BatchShape shape;
  bool clips = false;         // updates need the norm of the whole step's gradient
  bool may_speculate = true;  // updates may run before the norm is known where they can be undone
  // With speculation: the share of steps that clip after all, whose updates are then done again in
  // the step after.
  double clip_share = 0.1;
  HardwareProfile machine;
  CostRules rules;        // length of sequences, threads; the dtype is the format's
  ModelProfile measured;  // may be empty
  Caps caps;
  double write_price = 0.1;  // seconds that a GB written to disk counts for, beside its time
};

// The share of steps that clip, as far as it is known before the run: all of them below a billion
// parameters (51 of 51 in the quickstart, norms of 2 to 12 against 1), a tenth above (assumed).
double usual_clip_share(const ModelGraph& graph);

// The device of the machine and its threads: they decide the scratch of ops.
ComputeLane compute_lane(const Problem& problem);

// Caps of a machine: all of its device memory and disks; of host memory what `system` leaves.
Caps caps_of(const HardwareProfile& machine, Bytes system);

}  // namespace longhaul
