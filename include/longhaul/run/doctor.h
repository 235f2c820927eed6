// What this machine has and lacks for training, with what to do about it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "longhaul/run/environment.h"

namespace longhaul {

struct Finding {
  enum class Verdict { kGood, kNote, kProblem };

  Verdict verdict = Verdict::kGood;
  std::string topic;        // "memory"
  std::string text;         // "23.4 GiB, 20.1 GiB free"
  std::string advice = {};  // how to get what is missing; empty where nothing is
};

// Looks at the processor, memory, pinning, the GPU driver and the disks of `folders`. Pins up to
// 256 MiB for a moment to time it.
std::vector<Finding> examine_machine(const Environment& environment,
                                     const std::vector<std::filesystem::path>& folders);

// Loads the training half and names its libraries, or says why it cannot be loaded.
Finding examine_training_half();

// The driver that the CUDA 13 libraries need; empty when `version` will do. Exposed for its test.
std::string advice_on_driver(const std::string& version);

}  // namespace longhaul
