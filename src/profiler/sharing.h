// How much of their rates the lanes of a host device keep while they run on the same cores.
#pragma once

#include "longhaul/hardware/profile.h"

#include "compute_rates.h"
#include "trial.h"

namespace longhaul {

// Of a machine whose other figures are known: a step that streams all it has, against what the
// simulator makes of its ops when they run alone. What the cores yield while several lanes use
// them, as a share of what one gets, is the figure with which both take the same time.
Figure<double> measure_sharing(const Machine& machine,
                               const HardwareProfile& known,
                               double seconds,
                               const OnShare& on_share);

}  // namespace longhaul
