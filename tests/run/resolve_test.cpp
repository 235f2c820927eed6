#include "longhaul/run/resolve.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::int64_t micro_batch_for(std::int64_t tokens_per_step, std::int64_t max_length) {
  RunConfig config;
  config.batch.tokens_per_step = tokens_per_step;
  config.data.max_length = max_length;
  return *resolve(config, {}).batch.tokens_per_micro_batch;
}

TEST(Resolve, ChoosesBf16WhereTheProcessorMultipliesIt) {
  Environment environment;
  EXPECT_EQ(resolve({}, environment).training.precision, Precision::kF32);
  environment.cpu_features = {"avx2", "avx512_bf16"};
  EXPECT_EQ(resolve({}, environment).training.precision, Precision::kBF16);
  environment.cpu_features = {"amx_bf16"};
  EXPECT_EQ(resolve({}, environment).training.precision, Precision::kBF16);
}

TEST(Resolve, KeepsWhatIsGiven) {
  Environment environment{.cpu_features = {"avx512_bf16"}, .cores = 8};
  RunConfig config;
  config.training.precision = Precision::kF32;
  config.device.threads = 3;
  config.batch.tokens_per_micro_batch = 4096;
  const RunConfig resolved = resolve(config, environment);
  EXPECT_EQ(resolved.training.precision, Precision::kF32);
  EXPECT_EQ(resolved.device.threads, 3);
  EXPECT_EQ(resolved.batch.tokens_per_micro_batch, 4096);
}

TEST(Resolve, TakesEveryCore) {
  EXPECT_EQ(resolve({}, {.cores = 12}).device.threads, 12);
  EXPECT_EQ(resolve({}, {}).device.kind, DeviceKind::kHost);
}

TEST(Resolve, TakesAGpuOnlyWhereItIsAskedFor) {
  EXPECT_EQ(resolve({}, {.cuda_devices = 1}).device.kind, DeviceKind::kHost);
  RunConfig config;
  config.device.kind = DeviceKind::kCuda;
  EXPECT_EQ(resolve(config, {.cuda_devices = 1}).training.precision, Precision::kBF16);
}

TEST(Resolve, ChoosesTheSmallestMicroBatchThatIsLargeEnough) {
  EXPECT_EQ(micro_batch_for(8192, 1024), 2048);
  EXPECT_EQ(micro_batch_for(8192, 3000), 4096);
  EXPECT_EQ(micro_batch_for(8192, 8192), 8192);
  EXPECT_EQ(micro_batch_for(6000, 512), 3000);
  EXPECT_EQ(micro_batch_for(2050, 512), 2050);
}

TEST(Resolve, MakesSmallStepsOneMicroBatch) {
  EXPECT_EQ(micro_batch_for(512, 512), 512);
}

TEST(Resolve, RefusesSamplesThatNoMicroBatchHolds) {
  RunConfig config;
  config.data.max_length = 10'000;
  EXPECT_THROW(resolve(config, {}), ConfigError);
}

TEST(MicroBatchesToTry, GoDownWhereTheRunLeavesThemOpen) {
  RunConfig requested;
  requested.batch.tokens_per_step = 8192;
  requested.data.max_length = 512;
  const RunConfig resolved = resolve(requested, Environment{});
  EXPECT_EQ(micro_batches_to_try(requested, resolved),
            (std::vector<std::int64_t>{2048, 1024, 512}));
  requested.plan = "resident";
  EXPECT_EQ(micro_batches_to_try(requested, resolved), std::vector<std::int64_t>{2048});
  requested.plan = "auto";
  requested.batch.tokens_per_micro_batch = 4096;
  EXPECT_EQ(micro_batches_to_try(requested, resolve(requested, Environment{})),
            std::vector<std::int64_t>{4096});
}

}  // namespace
}  // namespace longhaul
