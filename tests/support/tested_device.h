// The device that a test of bodies runs on: the same sources are linked once for the host and once
// for the GPU, whose tests skip where there is none.
#pragma once

#include "longhaul/core/device_kind.h"

namespace longhaul::test {

DeviceKind tested_device();

}  // namespace longhaul::test
