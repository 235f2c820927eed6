// Measures this machine: everything that a hardware profile holds, by the op bodies, devices and
// disk store that training uses.
#pragma once

#include <functional>

#include "longhaul/hardware/profile.h"
#include "longhaul/run/training_half.h"

namespace longhaul {

// Takes about request.seconds. Throws IoError that names a folder which cannot be measured,
// DeviceError without the device that was asked for, Error when it is stopped.
HardwareProfile measure_machine(const ProfileRequest& request,
                                const std::function<void(const Progress&)>& on_progress,
                                const CallContext& context);

}  // namespace longhaul
