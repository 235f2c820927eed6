#include "longhaul/hardware/profile_file.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

std::vector<std::string> shipped() {
  std::vector<std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(LONGHAUL_SOURCE_DIR "/configs/hardware")) {
    files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string server() {
  return LONGHAUL_SOURCE_DIR "/configs/hardware/lohan_rtx4090.yaml";
}

// What is said of `key` (section.name) when it holds `value` instead.
std::string complaint(const std::string& key, const std::string& value) {
  Document document = load_document(server());
  const std::size_t dot = key.find('.');
  for (ConfigEntry& section : document.root.entries) {
    if (section.key != key.substr(0, dot)) continue;
    std::erase_if(section.value.entries,
                  [&](const ConfigEntry& entry) { return entry.key == key.substr(dot + 1); });
  }
  try {
    apply_overrides(document, std::vector<std::string>{key + "=" + value});
    parse_hardware(document);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing";
}

class ShippedProfile : public testing::TestWithParam<std::string> {};

TEST_P(ShippedProfile, ReadsAndWritesBack) {
  const HardwareProfile profile = load_hardware(GetParam());
  EXPECT_FALSE(profile.name.empty());
  for (const bool with_comments : {false, true}) {
    const std::string text = to_yaml(profile, with_comments);
    EXPECT_EQ(parse_hardware(parse_document(text, "written")), profile) << text;
  }
}

// A profile of a machine that nobody sat at claims no measurement.
TEST_P(ShippedProfile, ClaimsNothingMeasured) {
  EXPECT_THAT(to_yaml(load_hardware(GetParam())), testing::Not(HasSubstr("measured:")));
}

INSTANTIATE_TEST_SUITE_P(All, ShippedProfile, testing::ValuesIn(shipped()), [](const auto& file) {
  return std::filesystem::path(file.param).stem().string();
});

TEST(LoadHardware, KnowsTheUnits) {
  const HardwareProfile profile = load_hardware(server());
  EXPECT_EQ(profile.device.memory.value, 24_GiB);
  EXPECT_DOUBLE_EQ(profile.device.bf16.products.points[0].rate.value.rate, 160.3e12);
  EXPECT_DOUBLE_EQ(profile.link.to_device.points[0].rate.value.rate, 21e9);
  EXPECT_EQ(profile.host.cores.value, 52);
  EXPECT_DOUBLE_EQ(profile.host.optimizer.points[0].rate.value.rate, 2.63e9);
  EXPECT_EQ(profile.storage.disks[0].count, 12);
  EXPECT_EQ(profile.link.both_ways.value, 1.0);
  EXPECT_EQ(profile.link.to_host.points[0].rate.provenance, Provenance::kPublished);
}

TEST(LoadHardware, TakesCurves) {
  const HardwareProfile profile =
      load_hardware(server(),
                    std::vector<std::string>{
                        "link.to_device=[{at: 64 KiB, value: 3 GB/s, spread: 4 %, measured: here},"
                        " {at: 64 MiB, value: 21 GB/s, spread: 1 %, measured: here}]"});
  ASSERT_EQ(profile.link.to_device.points.size(), 2U);
  EXPECT_EQ(profile.link.to_device.points[0].at, 64_KiB);
  EXPECT_EQ(profile.link.to_device.points[1].rate.spread, 0.01);
  EXPECT_EQ(parse_hardware(parse_document(to_yaml(profile), "written")), profile);
}

TEST(ToYaml, GivesEveryShareBack) {
  HardwareProfile profile = load_hardware(server());
  for (int i = 100; i <= 10000; i += 7) {
    profile.link.both_ways.value = i / 10000.0;
    profile.link.both_ways.spread = i / 30000.0;
    ASSERT_EQ(parse_hardware(parse_document(to_yaml(profile), "written")), profile) << i;
  }
}

TEST(LoadHardware, RefusesEachKindOfWrongFigureByItsKey) {
  EXPECT_THAT(complaint("host.memory", "{value: 768, published: x}"),
              HasSubstr("host.memory.value: got 768, expected a number with its unit from 1 MiB"));
  EXPECT_THAT(complaint("host.memory", "{value: 0 GB, published: x}"),
              HasSubstr("host.memory.value"));
  EXPECT_THAT(complaint("host.memory", "{value: -3 GB, published: x}"),
              HasSubstr("host.memory.value"));
  EXPECT_THAT(complaint("host.memory", "{value: 768 GB/s, published: x}"),
              HasSubstr("host.memory.value"));
  EXPECT_THAT(complaint("host.memory", "{value: 900 PB, published: x}"),
              HasSubstr("host.memory.value"));
  EXPECT_THAT(complaint("host.memory", "{published: x}"), HasSubstr("host.memory.value: missing"));
  EXPECT_THAT(complaint("host.memory", "{value: 1 GB}"),
              HasSubstr("got 0 of measured, published and assumed"));
  EXPECT_THAT(complaint("host.memory", "{value: 1 GB, published: x, assumed: y}"),
              HasSubstr("got 2 of measured, published and assumed"));
  EXPECT_THAT(complaint("host.memory", "{value: 1 GB, measured: x}"),
              HasSubstr("host.memory.spread: missing"));
  EXPECT_THAT(complaint("host.memory", "{value: 1 GB, measured: x, spread: 400 %}"),
              HasSubstr("host.memory.spread: got"));
  EXPECT_THAT(complaint("host.memory", "{value: 1 GB, assumed: x, sprad: 4 %}"),
              HasSubstr("host.memory.sprad: unknown key"));
  EXPECT_THAT(complaint("host.memory", "12"), HasSubstr("host.memory: got 12"));
  EXPECT_THAT(complaint("hots.memory", "12"), HasSubstr("hots"));
  EXPECT_THAT(complaint("link.to_device",
                        "[{at: 1 MiB, value: 3 GB/s, assumed: x},"
                        " {at: 1 MiB, value: 4 GB/s, assumed: x}]"),
              HasSubstr("link.to_device.at: got"));
  EXPECT_THAT(complaint("storage.disks", "[{name: a, capacity: {value: 1 TB, assumed: x}}]"),
              HasSubstr("storage.disks.read: missing"));
  EXPECT_THAT(complaint("device.kind", "tpu"), HasSubstr("device.kind: got"));
}

TEST(LoadHardware, NamesFileAndLineOfAMissingOrWrongFigure) {
  const std::string text = "name: x\nlink:\n  latency: {value: 3 h, assumed: slow}\n";
  try {
    parse_hardware(parse_document(text, "box.yaml"));
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("box.yaml:3: link.latency.value: got"));
    EXPECT_THAT(error.what(), HasSubstr("device.memory: missing"));
  }
}

TEST(DefaultProfilePath, IsInTheCacheOfTheUser) {
  ::setenv("HOME", "/home/somebody", 1);
  ::unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(default_profile_path(), "/home/somebody/.cache/longhaul/hardware.yaml");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(default_profile_path(), "/home/somebody/.cache/longhaul/hardware.yaml");
  ::setenv("XDG_CACHE_HOME", "/var/cache/somebody", 1);
  EXPECT_EQ(default_profile_path(), "/var/cache/somebody/longhaul/hardware.yaml");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  EXPECT_EQ(default_profile_path(), "");
}

}  // namespace
}  // namespace longhaul
