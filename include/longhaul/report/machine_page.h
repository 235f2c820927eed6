// A hardware profile on one screen.
#pragma once

#include <string>

#include "longhaul/hardware/profile.h"
#include "longhaul/run/model_times.h"

namespace longhaul {

// What the machine does with large pieces of work; lines that end with '\n'.
std::string machine_page(const HardwareProfile& machine);

// What the nodes of a model take, a line each.
std::string model_times_page(const ModelTimes& times);

}  // namespace longhaul
