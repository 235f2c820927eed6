// Rates of the device by the work of an op, from models of several sizes.
#pragma once

#include "longhaul/hardware/profile.h"

#include "trial.h"

namespace longhaul {

// Of a part of the measurement: how much of it is done.
using OnShare = std::function<void(double)>;

// Sets device.launch, device.bandwidth, device.bf16 and device.fp32.
void measure_compute(const Machine& machine,
                     double seconds,
                     const OnShare& on_share,
                     DeviceProfile& device);

}  // namespace longhaul
