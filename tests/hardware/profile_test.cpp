#include "longhaul/hardware/profile.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

Figure<BytesPerSecond> gigabytes(double rate) {
  return {.value = {rate * 1e9}, .source = "the test"};
}

TEST(TimeOf, OnePointIsARateForAnyAmount) {
  const MoveCurve curve{{{Bytes{}, gigabytes(2)}}};
  EXPECT_DOUBLE_EQ(time_of(curve, Bytes{1'000'000'000}).value, 0.5);
  EXPECT_DOUBLE_EQ(time_of(curve, Bytes{1000}).value, 5e-7);
}

// At 1 MB: 1 MB / 1 GB/s = 1 ms. At 5 MB: 5 MB / 2 GB/s = 2.5 ms. Halfway, at 3 MB: 1.75 ms.
TEST(TimeOf, IsLinearBetweenTwoPoints) {
  const MoveCurve curve{{{Bytes{1'000'000}, gigabytes(1)}, {Bytes{5'000'000}, gigabytes(2)}}};
  EXPECT_DOUBLE_EQ(time_of(curve, Bytes{3'000'000}).value, 1.75e-3);
}

TEST(TimeOf, KeepsTheLastRateOutside) {
  const MoveCurve curve{{{Bytes{1'000'000}, gigabytes(1)}, {Bytes{5'000'000}, gigabytes(2)}}};
  EXPECT_DOUBLE_EQ(time_of(curve, Bytes{500'000}).value, 0.5e-3);
  EXPECT_DOUBLE_EQ(time_of(curve, Bytes{10'000'000}).value, 5e-3);
}

TEST(RateAt, IsLinearBetweenThreadCounts) {
  const auto figure = [](double rate) { return Figure<ParametersPerSecond>{.value = {rate}}; };
  const ThreadCurve curve{{{1, figure(1e9)}, {5, figure(3e9)}}};
  EXPECT_DOUBLE_EQ(rate_at(curve, 1).rate, 1e9);
  EXPECT_DOUBLE_EQ(rate_at(curve, 3).rate, 2e9);
  EXPECT_DOUBLE_EQ(rate_at(curve, 64).rate, 3e9);
}

DiskProfile disk(int count, double read, double write) {
  return {.name = "disk",
          .count = count,
          .capacity = {.value = Bytes{1'000'000'000'000}},
          .read = {{.rate = gigabytes(read)}},
          .write = {{.rate = gigabytes(write)}}};
}

// 1 / (1 / (2 * 6) + 1 / 12) = 6 GB/s; writes 1 / (1 / 4 + 1 / 12) = 3 GB/s.
TEST(StorageRates, AddTheTimeOfWhatAllDisksShare) {
  const StorageProfile storage{.disks = {disk(2, 6, 2)}, .serial = gigabytes(12)};
  const StorageRates rates = storage_rates(storage, 1_MiB, 32);
  EXPECT_NEAR(rates.read.rate, 6e9, 1.0);
  EXPECT_NEAR(rates.write.rate, 3e9, 1.0);
  EXPECT_DOUBLE_EQ(rates.mixing, 1.0);
}

// A byte read and a byte written take 1/6 + 1/3 = 0.5 ns apart; mixed at 2 GB/s two bytes take 1
// ns.
TEST(StorageRates, MixingCostsWhatWasMeasured) {
  DiskProfile one = disk(1, 6, 3);
  one.mixed = {{.rate = gigabytes(2)}};
  EXPECT_DOUBLE_EQ(storage_rates({.disks = {one}}, 1_MiB, 32).mixing, 2.0);
}

TEST(StorageRates, TakeTheNearestBlockAndDepth) {
  DiskProfile one = disk(1, 6, 3);
  one.read = {{4_KiB, 1, gigabytes(0.1)},
              {1_MiB, 1, gigabytes(2)},
              {4_KiB, 32, gigabytes(1)},
              {1_MiB, 32, gigabytes(5)}};
  const auto read = [&](Bytes block, int depth) {
    return storage_rates({.disks = {one}}, block, depth).read.rate / 1e9;
  };
  EXPECT_DOUBLE_EQ(read(1_MiB, 32), 5.0);
  EXPECT_DOUBLE_EQ(read(16_MiB, 128), 5.0);
  EXPECT_DOUBLE_EQ(read(64_KiB, 1), 0.1);
  EXPECT_DOUBLE_EQ(read(512_KiB, 8), 1.0);
}

TEST(StorageRates, NeedADisk) {
  EXPECT_THROW(storage_rates({}, 1_MiB, 32), InvalidArgument);
}

TEST(Endurance, IsUnknownWhenThatOfOneDiskIs) {
  DiskProfile rated = disk(2, 6, 3);
  rated.endurance = {.value = Bytes{600'000'000'000'000}};
  EXPECT_EQ(endurance({.disks = {rated}}), Bytes{1'200'000'000'000'000});
  EXPECT_EQ(endurance({.disks = {rated, disk(1, 6, 3)}}), std::nullopt);
  EXPECT_EQ(capacity({.disks = {rated, disk(1, 6, 3)}}), Bytes{3'000'000'000'000});
}

}  // namespace
}  // namespace longhaul
