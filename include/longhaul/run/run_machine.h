// The numbers of the machine that a run is planned for and predicted with.
#pragma once

#include <optional>
#include <string>

#include "longhaul/core/log.h"
#include "longhaul/hardware/profile.h"
#include "longhaul/run/environment.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

struct RunMachine {
  HardwareProfile profile;
  std::string source;       // the file, or that there is none and how to get it
  bool is_assumed = false;  // nothing was measured
};

// What the key `hardware` names, else what `longhaul profile` wrote of this machine; none where
// that is missing, cannot be read (which the log then says) or is of another kind of device than
// `kind`. Throws ConfigError and IoError for the file that the key names.
std::optional<RunMachine> find_machine(const RunConfig& config, DeviceKind kind, LogSink& log);

// Whether what is measured here is true of it: it is this machine's device, by name.
bool is_here(const RunMachine& machine, const Environment& environment);

// Without a profile: the sizes of this machine, every rate assumed. `device_memory` is a GPU's.
RunMachine assume_machine(DeviceKind kind, Bytes device_memory, const Environment& environment);

// Warns of folders of limits.disk that lie in main memory. `file`: of the settings.
void warn_of_ram_disks(const RunConfig& config, const std::string& file, LogSink& log);

}  // namespace longhaul
