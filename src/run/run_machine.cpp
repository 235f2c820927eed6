#include "longhaul/run/run_machine.h"

#include <algorithm>
#include <filesystem>

#include "longhaul/core/error.h"
#include "longhaul/hardware/assumed.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/io/file_system.h"

namespace longhaul {
namespace {

const char* in_words(DeviceKind kind) {
  return kind == DeviceKind::kCuda ? "a GPU" : "a processor";
}

// What `longhaul profile` wrote, if it can be used.
std::optional<RunMachine> measured_machine(DeviceKind kind, LogSink& log) {
  const std::string file = default_profile_path();
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return std::nullopt;
  try {
    HardwareProfile profile = load_hardware(file);
    if (profile.device.kind == kind) return RunMachine{std::move(profile), file};
    log.write(LogLevel::kWarning,
              concat(file,
                     ": is of ",
                     in_words(profile.device.kind),
                     " and the run computes on ",
                     in_words(kind),
                     ": not used"));
  } catch (const Error& error) {
    log.write(LogLevel::kWarning,
              concat("the profile of this machine is not used; `longhaul profile` writes a new "
                     "one: ",
                     error.what()));
  }
  return std::nullopt;
}

}  // namespace

std::optional<RunMachine> find_machine(const RunConfig& config, DeviceKind kind, LogSink& log) {
  if (!config.hardware) return measured_machine(kind, log);
  RunMachine machine{load_hardware(*config.hardware), *config.hardware};
  if (machine.profile.device.kind == kind) return machine;
  throw ConfigError(concat("hardware: ",
                           *config.hardware,
                           ": is of ",
                           in_words(machine.profile.device.kind),
                           " and the run computes on ",
                           in_words(kind),
                           "; expected a profile with device.kind: ",
                           kind == DeviceKind::kCuda ? "cuda" : "host"));
}

bool is_here(const RunMachine& machine, const Environment& environment) {
  const DeviceProfile& device = machine.profile.device;
  return machine.is_assumed || device.name == environment.device_name(device.kind);
}

RunMachine assume_machine(DeviceKind kind, Bytes device_memory, const Environment& environment) {
  // As measured profiles have it: half of the main memory is a processor's.
  const Bytes own = kind == DeviceKind::kHost ? Bytes{environment.memory.count / 2} : Bytes{};
  return {.profile = assumed_profile({.device = kind,
                                      .device_memory = std::max(own, device_memory),
                                      .host_memory = environment.memory - own,
                                      .cores = environment.cores,
                                      .has_fast_bf16 = environment.has_fast_bf16()}),
          .source = "assumed figures, nothing was measured; `longhaul profile` measures",
          .is_assumed = true};
}

void warn_of_ram_disks(const RunConfig& config, const std::string& file, LogSink& log) {
  for (const DiskLimit& disk : config.limits.disk) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(disk.path, ignored)) continue;  // the run says so
    const std::string memory = memory_file_system(disk.path);
    if (memory.empty()) continue;
    log.write(LogLevel::kWarning,
              concat(file,
                     ": limits.disk: ",
                     disk.path,
                     ": is a RAM disk (",
                     memory,
                     "): what a plan puts there takes main memory; name a folder on a disk"));
  }
}

}  // namespace longhaul
