// Measures what the nodes of a model take on this device, by the op bodies that training uses.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/run/model_times.h"
#include "longhaul/run/training_half.h"

namespace longhaul {

struct ModelTrial {
  Bytes memory;  // of the device that it may take, and for a GPU as much of the host
  // Tokens of the sequences of the micro-batch; none: as long as the problem says, as many as fit.
  std::vector<std::int64_t> lengths = {};
};

// Of the problem's model at its micro-batch, some blocks of each kind, forward and backward as in
// training but without updates. Takes some seconds: more only where three passes of a head do.
// Throws DoesNotFit or OutOfMemory where the memory is too little, DeviceError without the device,
// Error when it is stopped.
ModelTimes measure_model(const Problem& problem,
                         const ModelTimesKey& key,
                         const ModelTrial& trial,
                         const CallContext& context);

}  // namespace longhaul
