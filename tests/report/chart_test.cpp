// Axes and curves.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/run/spread.h"

#include "axis.h"
#include "line_chart.h"

namespace longhaul {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

TEST(Axis, HasRoundMarksThatHoldTheValues) {
  EXPECT_THAT(make_axis(0.0, 10.0, 5, false).marks, ElementsAre(0, 2, 4, 6, 8, 10));
  const Axis axis = make_axis(2.31, 2.47, 5, true);
  EXPECT_LE(axis.low, 2.31);
  EXPECT_GE(axis.high, 2.47);
  EXPECT_GE(axis.marks.size(), 3U);
  EXPECT_THAT(axis.marks[1] - axis.marks[0], DoubleNear(0.05, 1e-9));
}

TEST(Axis, OfOneValueHasALength) {
  for (const double value : {0.0, 5.0, -5.0}) {
    const Axis axis = make_axis(value, value, 5, true);
    EXPECT_LT(axis.low, axis.high);
    EXPECT_TRUE(std::isfinite(axis.share(value)));
  }
}

TEST(Axis, MayBeLogarithmicWhereEverythingIsPositive) {
  const Axis axis = make_axis(0.01, 1000.0, 5, true, true);
  EXPECT_TRUE(axis.is_log);
  EXPECT_THAT(axis.marks, SizeIs(6));
  EXPECT_NEAR(axis.share(std::sqrt(axis.low * axis.high)), 0.5, 1e-9);
  EXPECT_FALSE(make_axis(0.0, 1000.0, 5, true, true).is_log);
}

TEST(Axis, WritesShortNumbers) {
  EXPECT_EQ(mark_text(0.0), "0");
  EXPECT_EQ(mark_text(-1e-17), "0");
  EXPECT_EQ(mark_text(2500.0), "2500");
  EXPECT_EQ(mark_text(40000.0), "40k");
  EXPECT_EQ(mark_text(1.5e6), "1.5M");
  EXPECT_EQ(mark_text(2e-5), "2e-05");
}

TEST(LineChart, LeavesOutWhatIsNoNumber) {
  const std::string chart =
      line_chart({.title = "Loss", .curves = {{"a", 0, {{1, 2.0}, {2, NAN}, {3, INFINITY}}}}});
  EXPECT_THAT(chart, Not(HasSubstr("nan")));
  EXPECT_THAT(chart, Not(HasSubstr("inf")));
  EXPECT_EQ(count_of(chart, "<circle"), 1U);  // one point alone is a dot
}

TEST(LineChart, WithNothingToShowIsEmpty) {
  EXPECT_THAT(line_chart({.title = "Loss", .curves = {{"a", 0, {{1, NAN}}}}}),
              HasSubstr("points=\"\""));
}

TEST(LineChart, ThinsLongCurves) {
  ChartLine curve{.name = "a"};
  for (int i = 0; i < 100'000; ++i) curve.points.emplace_back(i, i % 10);
  EXPECT_LT(line_chart({.title = "Loss", .curves = {curve}}).size(), 20'000U);
}

TEST(LineChart, EscapesNames) {
  const std::string chart =
      line_chart({.title = "a<b", .curves = {{"x\"&y", 0, {{1, 2}}}, {"z", 1, {{1, 2}}}}});
  EXPECT_THAT(chart, HasSubstr("a&lt;b"));
  EXPECT_THAT(chart, HasSubstr("data-name=\"x&quot;&amp;y\""));
  EXPECT_THAT(chart, HasSubstr("</i>z</span>"));
}

// By hand: of 1 to 5 the quartiles are 2 and 4; of two values a quarter of the way.
TEST(Spread, IsTheMiddleHalf) {
  const Spread five = spread_of({5, 1, 4, 2, 3});
  EXPECT_EQ(five.low, 2.0);
  EXPECT_EQ(five.median, 3.0);
  EXPECT_EQ(five.high, 4.0);
  const Spread two = spread_of({0, 4});
  EXPECT_EQ(two.low, 1.0);
  EXPECT_EQ(two.median, 2.0);
  EXPECT_EQ(spread_of({}).median, 0.0);
}

}  // namespace
}  // namespace longhaul
