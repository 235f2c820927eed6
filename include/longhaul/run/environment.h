// The machine and the program that a run's numbers depend on: what `doctor` shows, what a run
// writes down and compares when it is resumed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/core/device_kind.h"
#include "longhaul/core/json.h"
#include "longhaul/core/units.h"

namespace longhaul {

struct Environment {
  std::string version;                    // of longhaul
  std::string cpu;                        // "AMD EPYC 9354"
  std::vector<std::string> cpu_features;  // instruction sets that matter here, as Linux names them
  int cores = 1;                          // usable by this process
  Bytes memory;                           // of the machine, or of the control group if that is less
  Bytes available_memory;                 // now
  std::optional<Bytes> pin_limit;         // RLIMIT_MEMLOCK; empty: unlimited
  std::string system;                     // "Linux 6.1.0 x86_64"
  std::string gpu_driver;                 // "580.65.06"; empty without one
  std::string gpu;                        // "NVIDIA H100 PCIe", as its driver calls the first one
  int cuda_devices = 0;                   // that CUDA finds; probed by what links CUDA

  bool has_feature(const std::string& name) const;
  // Of what computes: the processor or the GPU; empty where it is not known.
  const std::string& device_name(DeviceKind kind) const {
    return kind == DeviceKind::kCuda ? gpu : cpu;
  }
  // bf16 products at full rate: AVX512_BF16 or AMX.
  bool has_fast_bf16() const;
};

// Reads /proc, /sys and limits; what cannot be read stays empty.
Environment probe_environment();

// manifest.json: what the bits of a run depend on besides its settings. `device` is in words,
// `libraries` one line per library.
Json make_manifest(const Environment& environment,
                   const std::string& device,
                   const std::vector<std::string>& libraries);

// "cpu was X, is Y": what differs between the manifests of a run and of its resumption, where a
// number may depend on it. Empty when the numbers will be the same.
std::vector<std::string> changed_manifest(const Json& before, const Json& now);

}  // namespace longhaul
