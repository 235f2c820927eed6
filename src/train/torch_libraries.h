// The machine as the training half sees it: which libraries do the products, and on what.
#pragma once

#include <string>
#include <vector>

#include "longhaul/run/environment.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

std::vector<std::string> torch_libraries();

// With the GPUs that CUDA finds.
Environment probe_training_environment();

// "CPU, 8 threads", or the GPU with everything that its bits depend on. `config` is resolved.
std::string device_in_words(const RunConfig& config);

}  // namespace longhaul
