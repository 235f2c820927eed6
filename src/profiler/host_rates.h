// The link between host and device, and what the host does by itself.
#pragma once

#include "longhaul/hardware/profile.h"

#include "compute_rates.h"
#include "trial.h"

namespace longhaul {

LinkProfile measure_link(const Machine& machine, double seconds, const OnShare& on_share);

// `memory` and `pin_limit` (none: no limit) as the system says.
struct HostFacts {
  int cores = 1;
  Bytes memory;
  std::optional<Bytes> pin_limit;
};
HostProfile measure_host(const Machine& machine,
                         const HostFacts& facts,
                         double seconds,
                         const OnShare& on_share);

}  // namespace longhaul
