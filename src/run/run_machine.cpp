#include "longhaul/run/run_machine.h"

#include <filesystem>

#include "longhaul/core/error.h"
#include "longhaul/hardware/assumed.h"
#include "longhaul/hardware/profile_file.h"

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

RunMachine assume_machine(DeviceKind kind, Bytes device_memory, const Environment& environment) {
  const bool is_host = kind == DeviceKind::kHost;
  return {.profile = assumed_profile({.device = kind,
                                      .device_memory = is_host ? environment.memory : device_memory,
                                      .host_memory = environment.memory,
                                      .cores = environment.cores,
                                      .has_fast_bf16 = environment.has_fast_bf16()}),
          .source = "assumed figures, nothing was measured; `longhaul profile` measures",
          .is_assumed = true};
}

}  // namespace longhaul
