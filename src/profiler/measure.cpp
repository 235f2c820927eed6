#include "longhaul/profiler/measure.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "longhaul/core/error.h"
#include "longhaul/core/thread_pool.h"
#include "longhaul/ops/op_table.h"
#include "longhaul/run/environment.h"
#include "longhaul/run/load_watch.h"
#include "longhaul/runtime/cuda_device.h"

#include "compute_rates.h"
#include "disk_rates.h"
#include "host_rates.h"
#include "sharing.h"
#include "trial.h"

namespace longhaul {
namespace {

// Shares of the time. What the disks do not take is left over.
constexpr double kCompute = 0.44;
constexpr double kLink = 0.08;
constexpr double kHost = 0.12;
constexpr double kSharing = 0.06;
constexpr double kDisks = 0.3;

Machine look_at(DeviceKind kind, const Environment& environment, const CallContext& context) {
  Machine machine{.kind = kind,
                  .threads = environment.cores,
                  .name = environment.cpu,
                  .device_memory = Bytes{environment.available_memory.count / 3},
                  .host_memory = Bytes{environment.available_memory.count / 3},
                  .context = context};
  if (kind == DeviceKind::kCuda) {
    warm_cuda_libraries();
    const CudaDeviceInfo gpu = probe_cuda_device(0);
    machine.name = gpu.name;
    machine.device_memory = gpu.free_for_arena();
  }
  return machine;
}

Bytes half_of(Bytes memory) {
  return {memory.count / 2};
}

DeviceProfile describe_device(const Machine& machine, const Environment& environment) {
  DeviceProfile device;
  device.kind = machine.kind;
  device.name = machine.name.empty() ? "unknown processor" : machine.name;
  device.memory =
      machine.kind == DeviceKind::kCuda
          ? found_figure(probe_cuda_device(0).memory, "CUDA")
          : assumed_figure(half_of(environment.memory),
                           "half of the main memory: the processor has no memory of its own");
  return device;
}

// Before time is spent on figures that will be wrong.
void look_around(LogSink& log) {
  const LoadWatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const OtherLoad load = watch.load();
  if (!load.is_much()) return;
  log.write(LogLevel::kWarning,
            concat(in_words(load), ": what is measured now is too low; let nothing else run"));
}

}  // namespace

HardwareProfile measure_machine(const ProfileRequest& request,
                                const std::function<void(const Progress&)>& on_progress,
                                const CallContext& context) {
  const Environment environment = probe_environment();
  const Machine machine = look_at(request.device, environment, context);
  const auto shares_of = [&](const char* what) {
    return [&on_progress, what](double share) {
      on_progress({what, static_cast<std::int64_t>(100.0 * share), 100, "%"});
    };
  };

  look_around(context.log);
  HardwareProfile profile;
  profile.device = describe_device(machine, environment);
  profile.name = concat(
      profile.device.name, ", ", environment.cores, " cores, ", to_string(environment.memory));
  // First: what is wrong with a folder is said before minutes have passed.
  Samples core;
  for (const std::string& folder : request.disks) {
    MeasuredDisk disk =
        measure_disk(context,
                     folder,
                     request.disk_size,
                     kDisks * request.seconds / static_cast<double>(request.disks.size()),
                     shares_of("measuring disks"));
    profile.storage.disks.push_back(std::move(disk.profile));
    core.add(disk.core);
  }
  if (!core.empty()) {
    profile.storage.core = measured_figure<double>(core, "processor time of reading");
  }
  const LoadWatch watch;  // not of disks: the system's own threads write what was written there
  measure_compute(
      machine, kCompute * request.seconds, shares_of("measuring compute"), profile.device);
  profile.link = measure_link(machine, kLink * request.seconds, shares_of("measuring copies"));
  profile.host = measure_host(machine,
                              {environment.cores, environment.memory, environment.pin_limit},
                              kHost * request.seconds,
                              shares_of("measuring the host"));
  if (request.device == DeviceKind::kHost) {
    profile.host.sharing = measure_sharing(
        machine, profile, kSharing * request.seconds, shares_of("measuring lanes together"));
    // What is the device's is not the host's.
    profile.host.memory = found_figure(environment.memory - half_of(environment.memory),
                                       "the other half of the main memory");
  }
  warn_of_load(watch.load(), context.log);
  return profile;
}

}  // namespace longhaul
