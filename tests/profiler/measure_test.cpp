// Real measurements, as short as they can be: that everything is measured, not how fast it is.
#include "longhaul/profiler/measure.h"

#include <atomic>
#include <filesystem>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/io/file_system.h"
#include "longhaul/run/environment.h"

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

// Beside the tests' output: the folder for temporary files may be in memory.
class FolderHere {
 public:
  FolderHere() { std::filesystem::create_directories(path()); }
  ~FolderHere() { std::filesystem::remove_all(path()); }
  static std::filesystem::path path() { return std::filesystem::absolute("profile-test-folder"); }
};

class Warnings final : public LogSink {
 public:
  void write(LogLevel level, std::string_view message) override {
    if (level == LogLevel::kWarning) text += message;
  }
  std::string text;
};

struct Measured {
  Warnings warnings;
  std::atomic<bool> stop = false;
  std::set<std::string> parts;

  HardwareProfile run(ProfileRequest request) {
    request.disk_size = 64_MiB;
    request.seconds = 2.0;
    return measure_machine(
        request,
        [&](const Progress& progress) { parts.insert(std::string(progress.what)); },
        {warnings, stop});
  }
};

std::string complaint(const std::string& folder) {
  try {
    Measured().run({.disks = {folder}});
  } catch (const IoError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(MeasureMachine, FillsAProfileThatReadsBack) {
  const FolderHere folder;
  Measured measured;
  const HardwareProfile profile = measured.run({.disks = {folder.path().string()}});
  const HardwareProfile read = parse_hardware(parse_document(to_yaml(profile, true), "written"));
  EXPECT_EQ(to_yaml(read), to_yaml(profile));
  EXPECT_TRUE(read == profile);

  EXPECT_EQ(profile.device.kind, DeviceKind::kHost);
  EXPECT_LT(profile.device.launch.value.value, 1e-3);
  for (const ComputeRates* rates : {&profile.device.bf16, &profile.device.fp32}) {
    for (const WorkCurve* curve : {&rates->products,
                                   &rates->products_backward,
                                   &rates->attention,
                                   &rates->attention_backward}) {
      ASSERT_FALSE(curve->points.empty());
      EXPECT_EQ(curve->points[0].rate.provenance, Provenance::kMeasured);
    }
  }
  EXPECT_GE(profile.link.to_device.points.size(), 2U);
  EXPECT_GE(profile.link.to_host.points.size(), 2U);
  const int cores = profile.host.cores.value;
  EXPECT_EQ(profile.host.optimizer.points.back().at, cores > 1 ? cores : 0);
  ASSERT_TRUE(profile.host.sharing.has_value());
  EXPECT_GT(profile.host.sharing->value, 0.25);
  EXPECT_LE(profile.host.sharing->value, 1.0);
  EXPECT_EQ(profile.host.memory.spread, 0.0);
  EXPECT_EQ(profile.host.memory.value + profile.device.memory.value, probe_environment().memory);
  ASSERT_EQ(profile.storage.disks.size(), 1U);
  ASSERT_TRUE(profile.storage.core.has_value());
  EXPECT_GT(profile.storage.core->value, 0.0);
  EXPECT_LE(profile.storage.core->value, 1.0);
  const DiskProfile& disk = profile.storage.disks[0];
  EXPECT_EQ(disk.name, folder.path().string());
  EXPECT_THAT(disk.write.front().rate.source, HasSubstr("write cache"));
  EXPECT_EQ(disk.read.front().depth, 8);
  EXPECT_GE(disk.read.size(), 3U);
  EXPECT_EQ(disk.mixed.size(), 1U);
  EXPECT_FALSE(disk.endurance.has_value()) << "nothing here measures it";
  EXPECT_THAT(measured.parts,
              testing::UnorderedElementsAre("measuring disks",
                                            "measuring compute",
                                            "measuring copies",
                                            "measuring the host",
                                            "measuring lanes together"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "something was left behind";
}

TEST(MeasureMachine, NamesAFolderThatCannotBeMeasured) {
  EXPECT_THAT(complaint("/nowhere"), HasSubstr("/nowhere: is no folder"));
  EXPECT_THAT(complaint("/proc"), HasSubstr("/proc: cannot make a file"));
}

TEST(MeasureMachine, WarnsOfAFolderInMemory) {
  if (!std::filesystem::is_directory("/dev/shm") || memory_file_system("/dev/shm").empty()) {
    GTEST_SKIP() << "no tmpfs on this machine";
  }
  Measured measured;
  measured.stop = true;  // after the warning
  EXPECT_THROW(measured.run({.disks = {"/dev/shm"}}), Error);
  EXPECT_THAT(measured.warnings.text, HasSubstr("/dev/shm: is a RAM disk (tmpfs)"));
  EXPECT_EQ(memory_file_system("/proc"), "");
}

TEST(MeasureMachine, StopsWhenItIsAsked) {
  Measured measured;
  measured.stop = true;
  EXPECT_THROW(measured.run({}), Error);
}

}  // namespace
}  // namespace longhaul
