#include "torch_libraries.h"

#include <sstream>

#include <ATen/Version.h>
#include <torch/version.h>

#include "longhaul/core/error.h"
#include "longhaul/ops/op_table.h"
#include "longhaul/runtime/cuda_device.h"

namespace longhaul {

std::vector<std::string> torch_libraries() {
  std::vector<std::string> libraries{"LibTorch " TORCH_VERSION};
  // ATen lists what it was built with, one per line: "  - Intel(R) MKL-DNN v3.7.1 (Git Hash ...)".
  std::istringstream config(at::show_config());
  for (std::string line; std::getline(config, line);) {
    const bool is_product_library = line.find("Math Kernel Library Version") != std::string::npos ||
                                    line.find("MKL-DNN v") != std::string::npos ||
                                    line.find("CPU capability") != std::string::npos;
    if (is_product_library) libraries.push_back(line.substr(line.find("- ") + 2));
  }
  return libraries;
}

Environment probe_training_environment() {
  Environment environment = probe_environment();
  environment.cuda_devices = cuda_device_count();
  return environment;
}

std::string device_in_words(const RunConfig& config) {
  const std::int64_t threads = *config.device.threads;
  if (config.device.kind != DeviceKind::kCuda) {
    return concat("CPU, ", threads, threads == 1 ? " thread" : " threads");
  }
  std::string words = probe_cuda_device(0).in_words();
  const std::string driver = probe_environment().gpu_driver;
  if (!driver.empty()) words += concat(" (", driver, ")");
  for (const std::string& library : cuda_library_versions()) words += ", " + library;
  return words;
}

}  // namespace longhaul
