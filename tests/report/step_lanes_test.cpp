#include "longhaul/report/step_lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// Ops with their times, placed.
class Step {
 public:
  BufferId buffer(Tier tier, std::int64_t size, bool is_persistent = false) {
    return schedule_.add_buffer({"", tier, Bytes{size}, is_persistent});
  }
  OpId run(OpKind kind, Lane lane, double start, double end, std::vector<BufferId> writes = {}) {
    Op op{.kind = kind, .lane = lane};
    for (const BufferId id : writes) op.writes.push_back({id, {}, schedule_[id].size});
    timeline_.ops.push_back({{start}, {end}});
    return schedule_.add(std::move(op));
  }
  StepLanes lanes() const { return make_step_lanes(3, place(schedule_), timeline_); }
  // Placing that many buffers would take minutes.
  StepLanes lanes_without_placing() const {
    return make_step_lanes(3, {.schedule = schedule_}, timeline_);
  }
  const Schedule& schedule() const { return schedule_; }

 private:
  Schedule schedule_;
  Timeline timeline_;
};

const LaneLife& lane_of(const StepLanes& lanes, Lane lane) {
  return lanes.lanes[static_cast<std::size_t>(lane)];
}

std::vector<std::pair<double, std::int64_t>> alive_in(const StepLanes& lanes, Tier tier) {
  std::vector<std::pair<double, std::int64_t>> points;
  for (const TierPoint& point : lanes.tiers[static_cast<std::size_t>(tier)].alive) {
    points.emplace_back(point.at.value, point.live.count);
  }
  return points;
}

TEST(StepLanes, SayWhatALaneDidWhen) {
  Step step;
  step.run(OpKind::kForward, Lane::kCompute, 0.0, 2.0);
  step.run(OpKind::kBackward, Lane::kCompute, 2.0, 7.0);
  step.run(OpKind::kUpdate, Lane::kHost, 7.0, 8.0);
  const StepLanes lanes = step.lanes();
  EXPECT_EQ(lanes.length, Seconds{8.0});
  EXPECT_EQ(lane_of(lanes, Lane::kCompute).busy, Seconds{7.0});
  ASSERT_THAT(lane_of(lanes, Lane::kCompute).slices, SizeIs(2));
  EXPECT_EQ(lane_of(lanes, Lane::kCompute).slices[1].work, Work::kBackward);
  EXPECT_EQ(lane_of(lanes, Lane::kCompute).slices[1].time.end, Seconds{7.0});
  EXPECT_EQ(lane_of(lanes, Lane::kHost).slices[0].work, Work::kUpdate);
  EXPECT_THAT(lane_of(lanes, Lane::kH2d).slices, SizeIs(0));
}

// Ops of the same work that follow each other at once are one; a gap that can be seen stays.
TEST(StepLanes, JoinWhatCannotBeToldApart) {
  Step step;
  step.run(OpKind::kForward, Lane::kCompute, 0.0, 1.0);
  step.run(OpKind::kForward, Lane::kCompute, 1.0, 2.0);
  step.run(OpKind::kForward, Lane::kCompute, 2.5, 10.0);
  step.run(OpKind::kCopy, Lane::kH2d, 1.0000, 1.0010);
  step.run(OpKind::kUpdate, Lane::kH2d, 1.0010, 1.0040);
  const StepLanes lanes = step.lanes();
  EXPECT_THAT(lane_of(lanes, Lane::kCompute).slices, SizeIs(2));
  ASSERT_THAT(lane_of(lanes, Lane::kH2d).slices, SizeIs(1));
  EXPECT_EQ(lane_of(lanes, Lane::kH2d).slices[0].work, Work::kUpdate);
}

// By hand: 100 persist; 10 live from 0 to 4 (two uses), 5 from 4 on.
TEST(StepLanes, SayWhatIsAliveInATier) {
  Step step;
  step.buffer(Tier::kDevice, 100, /*is_persistent=*/true);
  const BufferId first = step.buffer(Tier::kDevice, 10);
  const BufferId second = step.buffer(Tier::kDevice, 5);
  step.run(OpKind::kForward, Lane::kCompute, 0.0, 1.0, {first});
  step.run(OpKind::kForward, Lane::kCompute, 3.0, 4.0, {first});
  step.run(OpKind::kForward, Lane::kCompute, 4.0, 6.0, {second});
  const StepLanes lanes = step.lanes();
  using P = std::pair<double, std::int64_t>;
  EXPECT_THAT(alive_in(lanes, Tier::kDevice), ElementsAre(P{0.0, 110}, P{4.0, 105}, P{6.0, 100}));
  EXPECT_EQ(lanes.tiers[0].arena, place(step.schedule()).peak[0]);
  EXPECT_THAT(alive_in(lanes, Tier::kHost), ElementsAre(P{0.0, 0}));
}

// 60,000 ops, each with a buffer of its own, the one in the middle large.
TEST(StepLanes, StaySmallAndKeepThePeak) {
  Step step;
  constexpr int kOps = 60'000;
  for (int i = 0; i < kOps; ++i) {
    const BufferId buffer = step.buffer(Tier::kDevice, i == kOps / 2 ? 1'000'000 : 1000 + i % 7);
    const Lane lane = i % 2 == 0 ? Lane::kCompute : Lane::kH2d;
    const OpKind kind = i % 6 < 3 ? OpKind::kForward : OpKind::kCopy;
    step.run(kind, lane, 1e-4 * i, 1e-4 * i + 9e-5, {buffer});
  }
  const StepLanes lanes = step.lanes_without_placing();
  EXPECT_NEAR(lane_of(lanes, Lane::kCompute).busy.value, 9e-5 * kOps / 2, 1e-6);
  EXPECT_LE(lane_of(lanes, Lane::kCompute).slices.size(), 3001U);
  std::int64_t most = 0;
  for (const auto& point : alive_in(lanes, Tier::kDevice)) most = std::max(most, point.second);
  EXPECT_GE(most, 1'000'000);
  EXPECT_LE(to_json(lanes).dump().size(), 1'000'000U);
}

TEST(StepLanes, AreReadBackAsTheyWere) {
  Step step;
  const BufferId buffer = step.buffer(Tier::kHost, 64);
  step.run(OpKind::kForward, Lane::kCompute, 0.0, 0.125, {buffer});
  step.run(OpKind::kCopy, Lane::kDiskWrite, 0.125, 0.5);
  const StepLanes lanes = step.lanes();
  const Json json = to_json(lanes);
  EXPECT_EQ(to_json(parse_step_lanes(json)), json);
  EXPECT_EQ(parse_step_lanes(json).step, 3);
  EXPECT_EQ(lane_of(parse_step_lanes(json), Lane::kDiskWrite).slices[0].time.end, Seconds{0.5});
}

std::string complaint_about(const std::string& text) {
  try {
    parse_step_lanes(Json::parse(text, "lanes.json"));
  } catch (const FormatError& error) {
    return error.what();
  }
  return "none";
}

TEST(StepLanes, NameWhatIsWrongInTheirFile) {
  Step step;
  step.run(OpKind::kForward, Lane::kCompute, 0.0, 1.0);
  const std::string good = to_json(step.lanes()).dump();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return complaint_about(text);
  };
  EXPECT_EQ(with("\"step\":3", "\"step\":3"), "none");
  EXPECT_THAT(with("\"step\":3", "\"step\":\"x\""), HasSubstr("lanes.json: step: got string"));
  EXPECT_THAT(with("[0,1000000000,0]", "[0,1]"),
              HasSubstr("lanes.json: lanes.compute.slices: got 2 numbers"));
  EXPECT_THAT(with("[0,1000000000,0]", "[0,1,9]"), HasSubstr("got 9, expected 0 to 6"));
  EXPECT_THAT(with("\"arena\"", "\"area\""), HasSubstr("arena: missing"));
}

}  // namespace
}  // namespace longhaul
