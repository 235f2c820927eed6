#include "longhaul/report/lanes_chart.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

struct Drawn {
  OpKind kind;
  Lane lane;
  double begin;
  double end;
};

std::string draw(const std::vector<Drawn>& ops) {
  Schedule schedule;
  Timeline timeline;
  for (const Drawn& op : ops) {
    schedule.add({.kind = op.kind, .lane = op.lane});
    timeline.ops.push_back({Seconds{op.begin}, Seconds{op.end}});
  }
  return lanes_chart(schedule, timeline);
}

// The 64 columns of a lane, without what stands around them.
std::string lane(const std::string& chart, const std::string& name) {
  std::istringstream lines(chart);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("  " + name + " ") == 0) return line.substr(line.find('|') + 1, 64);
  }
  return "";
}

std::string times(std::size_t count, char symbol) {
  return std::string(count, symbol);
}

TEST(LanesChart, DrawsWhatALaneDidWhen) {
  const std::string chart = draw({{OpKind::kForward, Lane::kCompute, 0.0, 2.0},
                                  {OpKind::kHeadGradient, Lane::kCompute, 2.0, 3.0},
                                  {OpKind::kBackward, Lane::kCompute, 3.0, 8.0},
                                  {OpKind::kCopy, Lane::kH2d, 1.0, 2.0},
                                  {OpKind::kUpdate, Lane::kHost, 6.0, 8.0}});
  EXPECT_EQ(lane(chart, "compute"), times(16, 'F') + times(8, 'H') + times(40, 'B'));
  EXPECT_EQ(lane(chart, "h2d"), times(8, ' ') + times(8, '=') + times(48, ' '));
  EXPECT_EQ(lane(chart, "host"), times(48, ' ') + times(16, 'U'));
  EXPECT_EQ(lane(chart, "d2h"), "");
}

TEST(LanesChart, SaysHowMuchOfALaneRanBesideCompute) {
  const std::string chart = draw({{OpKind::kForward, Lane::kCompute, 0.0, 2.0},
                                  {OpKind::kBackward, Lane::kCompute, 4.0, 10.0},
                                  {OpKind::kCopy, Lane::kD2h, 1.0, 5.0}});
  EXPECT_THAT(chart, HasSubstr("| 80 %\n"));         // compute
  EXPECT_THAT(chart, HasSubstr("| 40 %   50 %\n"));  // a second before the gap, one after it
}

TEST(LanesChart, TellsALittleFromMuch) {
  std::vector<Drawn> ops{{OpKind::kForward, Lane::kCompute, 0.0, 64.0}};
  ops.push_back({OpKind::kCopy, Lane::kH2d, 10.0, 10.3});
  ops.push_back({OpKind::kCopy, Lane::kH2d, 20.0, 20.6});
  ops.push_back({OpKind::kCopy, Lane::kH2d, 30.0, 30.01});
  const std::string h2d = lane(draw(ops), "h2d");
  EXPECT_EQ(h2d[10], '.');
  EXPECT_EQ(h2d[20], '=');
  EXPECT_EQ(h2d[30], ' ');
}

TEST(LanesChart, FitsAHundredColumnsAndExplainsItsLetters) {
  const std::string chart = draw(
      {{OpKind::kForward, Lane::kCompute, 0.0, 1.0}, {OpKind::kCopy, Lane::kDiskWrite, 0.0, 1.0}});
  std::istringstream lines(chart);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  EXPECT_THAT(chart, HasSubstr("F forward"));
  EXPECT_THAT(chart, HasSubstr("= copy"));
  EXPECT_THAT(chart, testing::Not(HasSubstr("B backward")));
}

TEST(LanesChart, RefusesATimelineOfAnotherSchedule) {
  Schedule schedule;
  schedule.add({.kind = OpKind::kForward});
  EXPECT_THROW(lanes_chart(schedule, Timeline{}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
