#include "longhaul/run/doctor.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include <sys/mman.h>

#include "longhaul/core/error.h"
#include "longhaul/run/training_half.h"

namespace longhaul {
namespace {

using Verdict = Finding::Verdict;

constexpr int kOldestDriver = 580;
// Weight, remainder, two moments and the gradient accumulator of a resident run.
constexpr std::int64_t kBytesPerParameter = 16;

Finding examine_processor(const Environment& environment) {
  std::string speed = "no AVX2: every kernel is a plain loop";
  if (environment.has_feature("avx2")) speed = "AVX2, fp32";
  if (environment.has_feature("avx512f")) speed = "AVX-512, fp32";
  if (environment.has_fast_bf16()) speed += " and bf16 at full rate";
  const std::string name = environment.cpu.empty() ? "unknown model" : environment.cpu;
  return {environment.has_feature("avx2") ? Verdict::kGood : Verdict::kNote,
          "processor",
          concat(name, ", ", environment.cores, " usable cores, ", speed)};
}

Finding examine_memory(const Environment& environment) {
  const std::int64_t millions = environment.available_memory.count / kBytesPerParameter / 1'000'000;
  return {Verdict::kGood,
          "memory",
          concat(to_string(environment.memory),
                 ", ",
                 to_string(environment.available_memory),
                 " free: the states of at most ",
                 millions,
                 " million parameters (",
                 kBytesPerParameter,
                 " bytes each)")};
}

// Seconds to pin `size` bytes; negative when the system refuses.
double time_to_pin(Bytes size) {
  const auto length = static_cast<std::size_t>(size.count);
  void* memory =
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1.0;
  const auto start = std::chrono::steady_clock::now();
  const bool is_pinned = ::mlock(memory, length) == 0;
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  ::munmap(memory, length);
  return is_pinned ? time.count() : -1.0;
}

Finding examine_pinning(const Environment& environment) {
  const Bytes tried = std::min({256_MiB,
                                environment.pin_limit.value_or(256_MiB),
                                Bytes{environment.available_memory.count / 4}});
  const std::string limit =
      environment.pin_limit ? "at most " + to_string(*environment.pin_limit) : "without limit";
  const double seconds = tried.count > 0 ? time_to_pin(tried) : -1.0;
  const std::string time =
      seconds < 0 ? "refused" : concat(to_string(tried), " in ", to_string(Seconds{seconds}));
  const bool is_limited = environment.pin_limit && *environment.pin_limit < environment.memory;
  return {is_limited || seconds < 0 ? Verdict::kNote : Verdict::kGood,
          "pinned memory",
          concat(limit, ", ", time),
          is_limited ? "only a GPU needs it: raise `memlock` in /etc/security/limits.conf, or "
                       "`ulimit -l unlimited` as root"
                     : ""};
}

Finding examine_gpu(const Environment& environment) {
  if (environment.gpu_driver.empty()) {
    return {Verdict::kNote, "GPU driver", "none: training runs on the processor"};
  }
  const std::string advice = advice_on_driver(environment.gpu_driver);
  return {advice.empty() ? Verdict::kGood : Verdict::kProblem,
          "GPU driver",
          "NVIDIA " + environment.gpu_driver,
          advice};
}

Finding examine_huge_pages() {
  std::string modes;
  std::ifstream in("/sys/kernel/mm/transparent_hugepage/enabled");
  std::getline(in, modes);
  const bool is_off = modes.empty() || modes.find("[never]") != std::string::npos;
  return {is_off ? Verdict::kNote : Verdict::kGood,
          "huge pages",
          is_off ? "off: large arrays cost more page faults" : "on",
          is_off ? "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, as root" : ""};
}

Finding examine_disk(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error) {
    return {Verdict::kProblem, "disk", concat(folder.string(), ": ", error.message())};
  }
  const Bytes free{static_cast<std::int64_t>(space.available)};
  const Bytes capacity{static_cast<std::int64_t>(space.capacity)};
  return {free < 5_GiB ? Verdict::kNote : Verdict::kGood,
          "disk",
          concat(folder.string(), ": ", to_string(free), " free of ", to_string(capacity)),
          free < 5_GiB ? "a checkpoint takes 12 bytes a parameter, and two are kept" : ""};
}

}  // namespace

std::vector<Finding> examine_machine(const Environment& environment,
                                     const std::vector<std::filesystem::path>& folders) {
  std::vector<Finding> findings{examine_processor(environment),
                                examine_memory(environment),
                                examine_pinning(environment),
                                examine_huge_pages(),
                                examine_gpu(environment)};
  for (const std::filesystem::path& folder : folders) findings.push_back(examine_disk(folder));
  return findings;
}

Finding examine_training_half() {
  try {
    std::string libraries;
    for (const std::string& library : load_training_half()->libraries()) {
      libraries += (libraries.empty() ? "" : "; ") + library;
    }
    return {Verdict::kGood, "training half", libraries};
  } catch (const Error& error) {
    return {Verdict::kProblem, "training half", "missing", error.what()};
  }
}

std::string advice_on_driver(const std::string& version) {
  const long major = std::strtol(version.c_str(), nullptr, 10);
  if (major >= kOldestDriver) return {};
  return concat("the CUDA 13 libraries need a driver of version ",
                kOldestDriver,
                " or newer: install it from your distribution or from nvidia.com/drivers");
}

}  // namespace longhaul
