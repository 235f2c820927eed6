// What the settings leave open is chosen here, once per run, and written into the run folder: from
// then on it belongs to the run.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/run/environment.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

// Fills every `auto` but the chat template (the model's to answer) and the memory caps (a cap that
// is not there stays away):
//   device.kind             host, until tools/gpu/verify.sh has passed on a GPU
//   precision               bf16 where the device multiplies it at full rate, else fp32
//   tokens_per_micro_batch  the smallest divisor of tokens_per_step that holds max_length and at
//                           least 2,048 tokens; tokens_per_step itself where that is less
//   device.threads          every usable core
// Throws ConfigError where no value can be chosen.
RunConfig resolve(RunConfig config, const Environment& environment);

// Tokens of a micro-batch, the first choice first: what the run says or resolve() chose; where it
// is open and the plan is `auto`, also smaller divisors of the step that hold max_length, for caps
// under which the first one has no plan.
std::vector<std::int64_t> micro_batches_to_try(const RunConfig& requested,
                                               const RunConfig& resolved);

}  // namespace longhaul
