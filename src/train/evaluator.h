// The loss of a dataset, micro-batch by micro-batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "longhaul/data/dataset.h"
#include "longhaul/data/packing.h"
#include "longhaul/run/training_half.h"
#include "longhaul/train/engine.h"

namespace longhaul {

// Mean loss over every target token of `dataset`, in its own order. `on_micro_batch` is told how
// many are done and of how many. Returns early, with what was done, when `stop` is set.
Evaluation evaluate_dataset(Engine& engine,
                            const Dataset& dataset,
                            const PackingRules& rules,
                            const std::function<void(std::int64_t, std::int64_t)>& on_micro_batch,
                            const std::atomic<bool>& stop);

}  // namespace longhaul
