#include "longhaul/run/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/thread_pool.h"

namespace longhaul {
namespace {

using testing::ElementsAre;

TEST(ProbeEnvironment, DescribesThisMachine) {
  const Environment environment = probe_environment();
  EXPECT_EQ(environment.cores, usable_cores());
  EXPECT_GT(environment.memory, 64_MiB);
  EXPECT_LE(environment.available_memory, environment.memory);
  EXPECT_GT(environment.available_memory, Bytes{});
  EXPECT_FALSE(environment.version.empty());
  EXPECT_THAT(environment.system, testing::StartsWith("Linux "));
}

#if defined(__x86_64__)
TEST(ProbeEnvironment, SeesTheProcessorsFeatures) {
  const Environment environment = probe_environment();
  EXPECT_EQ(environment.has_feature("avx2"), __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(environment.has_feature("avx512f"), __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(environment.has_feature("avx512_bf16"), __builtin_cpu_supports("avx512bf16") != 0);
}
#endif

Environment some_machine() {
  return {.version = "0.1.0", .cpu = "Z80", .cpu_features = {"avx2", "fma"}, .cores = 2};
}

TEST(ChangedManifest, ListsWhatNumbersDependOn) {
  const Json before = make_manifest(some_machine(), "host", {"LibTorch 2.11.0"});
  Environment other = some_machine();
  other.cpu_features = {"avx2"};
  EXPECT_THAT(changed_manifest(before, make_manifest(other, "host", {"LibTorch 2.12.0"})),
              ElementsAre("cpu_features was [\"avx2\",\"fma\"], is [\"avx2\"]",
                          "libraries was [\"LibTorch 2.11.0\"], is [\"LibTorch 2.12.0\"]"));
}

TEST(ChangedManifest, LeavesOutWhatNoNumberDependsOn) {
  Environment other = some_machine();
  other.cores = 64;
  other.memory = 1_GiB;
  other.system = "Linux 7";
  EXPECT_THAT(
      changed_manifest(make_manifest(some_machine(), "host", {}), make_manifest(other, "host", {})),
      testing::IsEmpty());
}

}  // namespace
}  // namespace longhaul
