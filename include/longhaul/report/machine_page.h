// A hardware profile on one screen.
#pragma once

#include <string>

#include "longhaul/hardware/profile.h"

namespace longhaul {

// What the machine does with large pieces of work; lines that end with '\n'.
std::string machine_page(const HardwareProfile& machine);

}  // namespace longhaul
