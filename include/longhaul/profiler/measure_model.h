// Measures what the nodes of a model take on this device, by the op bodies that training uses.
#pragma once

#include "longhaul/run/model_times.h"
#include "longhaul/run/training_half.h"

namespace longhaul {

// Of the problem's model at its micro-batch, some blocks of each kind, forward and backward as in
// training but without updates. Takes some seconds: more only where two passes of a head do. Takes
// no more than `memory` of the device, and as much at most of the host for a GPU. Throws DoesNotFit
// or OutOfMemory where that is too little, DeviceError without the device, Error when it is
// stopped.
ModelTimes measure_model(const Problem& problem,
                         const ModelTimesKey& key,
                         Bytes memory,
                         const CallContext& context);

}  // namespace longhaul
