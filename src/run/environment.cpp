#include "longhaul/run/environment.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>
#include <system_error>

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/core/thread_pool.h"

namespace longhaul {
namespace {

// What kernels and libraries choose their bodies by.
constexpr std::array<std::string_view, 12> kFeatures{"sse4_2",
                                                     "avx",
                                                     "avx2",
                                                     "fma",
                                                     "f16c",
                                                     "avx512f",
                                                     "avx512bw",
                                                     "avx512_vnni",
                                                     "avx512_bf16",
                                                     "avx512_fp16",
                                                     "amx_bf16",
                                                     "asimd"};

// "model name : AMD EPYC" -> {"model name", "AMD EPYC"}, of the first processor.
std::map<std::string, std::string> read_fields(const std::string& file) {
  std::map<std::string, std::string> fields;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line) && !line.empty();) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    name.erase(name.find_last_not_of(" \t") + 1);
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    fields.emplace(name, value == std::string::npos ? "" : line.substr(value));
  }
  return fields;
}

std::vector<std::string> features_in(const std::string& flags) {
  std::vector<std::string> found;
  std::istringstream words(flags);
  for (std::string word; words >> word;) {
    const bool counts = std::find(kFeatures.begin(), kFeatures.end(), word) != kFeatures.end();
    if (counts) found.push_back(word);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Bytes memory_field(const std::map<std::string, std::string>& fields, const std::string& name) {
  const auto field = fields.find(name);
  if (field == fields.end()) return {};
  std::int64_t kibibytes = 0;
  std::istringstream(field->second) >> kibibytes;
  return {kibibytes << 10};
}

// The limit of the control group that this process is in, where the kernel shows one.
std::optional<Bytes> control_group_limit() {
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::int64_t bytes = 0;
    if (std::ifstream(file) >> bytes) return Bytes{bytes};
  }
  return std::nullopt;
}

std::optional<Bytes> locked_memory_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::nullopt;
  }
  return Bytes{static_cast<std::int64_t>(limit.rlim_cur)};
}

std::string system_name() {
  utsname name{};
  if (::uname(&name) != 0) return {};
  return concat(name.sysname, " ", name.release, " ", name.machine);
}

// The first GPU in the order of the bus, as CUDA_DEVICE_ORDER=PCI_BUS_ID has it.
std::string gpu_name() {
  std::error_code error;
  std::vector<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    folders.push_back(entry.path().string());
  }
  std::sort(folders.begin(), folders.end());
  if (folders.empty()) return {};
  const std::map<std::string, std::string> fields = read_fields(folders.front() + "/information");
  const auto model = fields.find("Model");
  return model == fields.end() ? std::string{} : model->second;
}

std::string gpu_driver_version() {
  std::string version;
  std::ifstream("/sys/module/nvidia/version") >> version;
  return version;
}

}  // namespace

bool Environment::has_feature(const std::string& name) const {
  return std::find(cpu_features.begin(), cpu_features.end(), name) != cpu_features.end();
}

bool Environment::has_fast_bf16() const {
  return has_feature("avx512_bf16") || has_feature("amx_bf16");
}

Environment probe_environment() {
  const std::map<std::string, std::string> cpu = read_fields("/proc/cpuinfo");
  const std::map<std::string, std::string> memory = read_fields("/proc/meminfo");
  const auto field = [&](const char* name) {
    const auto found = cpu.find(name);
    return found == cpu.end() ? std::string{} : found->second;
  };

  Environment environment;
  environment.version = LONGHAUL_VERSION;
  environment.cpu = field("model name");
  environment.cpu_features = features_in(field("flags") + " " + field("Features"));
  environment.cores = usable_cores();
  environment.memory = memory_field(memory, "MemTotal");
  environment.available_memory = memory_field(memory, "MemAvailable");
  if (const std::optional<Bytes> limit = control_group_limit()) {
    environment.memory = std::min(environment.memory, *limit);
    environment.available_memory = std::min(environment.available_memory, *limit);
  }
  environment.pin_limit = locked_memory_limit();
  environment.system = system_name();
  environment.gpu_driver = gpu_driver_version();
  environment.gpu = gpu_name();
  return environment;
}

Json make_manifest(const Environment& environment,
                   const std::string& device,
                   const std::vector<std::string>& libraries) {
  const std::vector<Json> features(environment.cpu_features.begin(),
                                   environment.cpu_features.end());
  const std::vector<Json> lines(libraries.begin(), libraries.end());
  return Json::make_object({{"longhaul", environment.version},
                            {"cpu", environment.cpu},
                            {"cpu_features", Json::make_array(features)},
                            {"device", device},
                            {"libraries", Json::make_array(lines)},
                            {"cores", environment.cores},
                            {"memory_bytes", environment.memory.count},
                            {"system", environment.system},
                            {"gpu_driver", environment.gpu_driver}});
}

std::vector<std::string> changed_manifest(const Json& before, const Json& now) {
  std::vector<std::string> changes;
  for (const char* key : {"longhaul", "cpu", "cpu_features", "device", "libraries"}) {
    const Json old_value = before.find(key);
    const Json new_value = now.find(key);
    if (old_value == new_value) continue;
    changes.push_back(concat(key, " was ", old_value.dump(), ", is ", new_value.dump()));
  }
  return changes;
}

}  // namespace longhaul
