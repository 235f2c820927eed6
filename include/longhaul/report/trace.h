// A timeline as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open: one track per
// lane, one slice per op.
#pragma once

#include <string>
#include <vector>

#include "longhaul/schedule/schedule.h"
#include "longhaul/schedule/timeline.h"

namespace longhaul {

// JSON in the Trace Event Format. `node_names` by NodeId make slices
// readable; it may be empty. Throws InvalidArgument when timeline and schedule differ in length.
std::string to_trace(const Schedule& schedule,
                     const Timeline& timeline,
                     const std::vector<std::string>& node_names = {});

}  // namespace longhaul
