#include "src/profiler/samples.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

Samples of(std::initializer_list<double> values) {
  Samples samples;
  for (const double value : values) samples.add(value);
  return samples;
}

TEST(Samples, HaveTheMedianAndTheMiddleHalfAsSpread) {
  const Samples samples = of({5, 1, 3, 2, 4});
  EXPECT_EQ(samples.median(), 3.0);
  EXPECT_DOUBLE_EQ(samples.spread(), 2.0 / 3.0);
  EXPECT_EQ(of({7}).spread(), 0.0);
  EXPECT_EQ(of({1, 1, 100, 100}).spread(), 1.0) << "a file takes no spread above 100 %";
  EXPECT_THROW(Samples{}.median(), InvalidArgument);
}

TEST(Rounded, KeepsFourDigits) {
  EXPECT_EQ(rounded(183726382914.0), 183700000000.0);
  EXPECT_EQ(rounded(0.000382461), 0.0003825);
  EXPECT_EQ(rounded(0.0), 0.0);
  EXPECT_EQ(rounded(2228.4), 2228.0);
}

TEST(WorkSamples, OfLikeAmountsMakeOnePointOfACurve) {
  WorkSamples samples;
  samples.add(100.0, 2.0);
  samples.add(1000.0, 5.0);
  samples.add(150.0, 2.0);
  samples.add(120.0, 2.0);
  const WorkCurve curve = work_curve(samples, "here");
  ASSERT_EQ(curve.points.size(), 2U);
  EXPECT_EQ(curve.points[0].at.count, 120.0);
  EXPECT_EQ(curve.points[0].rate.value.rate, 60.0);
  EXPECT_EQ(curve.points[1].rate.value.rate, 200.0);
  EXPECT_EQ(curve.points[0].rate.provenance, Provenance::kMeasured);
  EXPECT_EQ(curve.points[0].rate.source, "here");
  EXPECT_GT(*curve.points[0].rate.spread, 0.0);
  EXPECT_THROW(work_curve({}, "nothing"), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
