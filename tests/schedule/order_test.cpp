#include "longhaul/schedule/order.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Fetch on h2d, use on compute, write back on d2h.
struct Pipeline {
  Schedule schedule;
  BufferId host = schedule.add_buffer({"weights", Tier::kHost, 64_KiB, true});
  BufferId device = schedule.add_buffer({"slot", Tier::kDevice, 64_KiB, false});
  OpId fetch;
  OpId use;
  OpId store;

  Pipeline() {
    fetch = add(OpKind::kCopy, Lane::kH2d, host, device, {});
    use = add(OpKind::kForward, Lane::kCompute, device, device, {fetch});
    store = add(OpKind::kCopy, Lane::kD2h, device, host, {use});
  }
  OpId add(OpKind kind, Lane lane, BufferId from, BufferId to, const std::vector<OpId>& after) {
    Op op{.kind = kind, .lane = lane};
    op.reads = {{from, {}, 64_KiB}};
    op.writes = {{to, {}, 64_KiB}};
    return schedule.add(op, after);
  }
};

TEST(HappensBefore, FollowsDependenciesAcrossLanes) {
  const Pipeline p;
  const HappensBefore is_before(p.schedule);
  EXPECT_TRUE(is_before(p.fetch, p.store));
  EXPECT_FALSE(is_before(p.store, p.fetch));
}

TEST(HappensBefore, FollowsTheOrderOfALane) {
  Pipeline p;
  const OpId later = p.schedule.add({.kind = OpKind::kForward, .lane = Lane::kCompute});
  EXPECT_TRUE(HappensBefore(p.schedule)(p.fetch, later));
}

TEST(HappensBefore, KnowsNothingOfOpsThatMayOverlap) {
  Pipeline p;
  const OpId other = p.schedule.add({.kind = OpKind::kUpdate, .lane = Lane::kHost});
  const HappensBefore is_before(p.schedule);
  EXPECT_FALSE(is_before(p.use, other));
  EXPECT_FALSE(is_before(other, p.use));
}

TEST(FindRaces, FindsNothingInASoundSchedule) {
  EXPECT_TRUE(find_races(Pipeline().schedule).empty());
}

TEST(FindRaces, CatchesEveryDependencyThatIsTakenAway) {
  const Pipeline p;
  EXPECT_FALSE(find_races(p.schedule.without_dependency(p.use, p.fetch)).empty());
  EXPECT_FALSE(find_races(p.schedule.without_dependency(p.store, p.use)).empty());
}

TEST(FindRaces, CatchesASlotThatIsRefilledWhileItIsRead) {
  Pipeline p;
  p.add(OpKind::kCopy, Lane::kH2d, p.host, p.device, {});  // does not wait for the store
  EXPECT_THROW(check(p.schedule), InvalidArgument);
}

TEST(FindRaces, CatchesAReadBeforeTheFirstWrite) {
  Schedule schedule;
  const BufferId buffer = schedule.add_buffer({"x", Tier::kDevice, 1_KiB, false});
  Op op{.kind = OpKind::kForward, .lane = Lane::kCompute};
  op.reads = {{buffer, {}, 1_KiB}};
  schedule.add(op);
  EXPECT_EQ(find_races(schedule).size(), 1U);
}

TEST(FindRaces, LetsDisjointRangesOverlapInTime) {
  Schedule schedule;
  const BufferId buffer = schedule.add_buffer({"x", Tier::kDevice, 2_KiB, false});
  for (const auto& [lane, offset] : {std::pair{Lane::kCompute, 0_KiB}, {Lane::kHost, 1_KiB}}) {
    Op op{.kind = OpKind::kFill, .lane = lane};
    op.writes = {{buffer, offset, 1_KiB}};
    schedule.add(op);
  }
  EXPECT_TRUE(find_races(schedule).empty());
}

TEST(ScheduleAdd, RefusesADependencyOnAnOpNotYetAdded) {
  Schedule schedule;
  EXPECT_THROW(schedule.add({.kind = OpKind::kFill}, {{OpId{0}}}), InvalidArgument);
}

TEST(ScheduleAdd, RefusesAnOperandBeyondItsBuffer) {
  Schedule schedule;
  const BufferId buffer = schedule.add_buffer({"x", Tier::kDevice, 1_KiB, false});
  Op op{.kind = OpKind::kFill};
  op.writes = {{buffer, Bytes{1}, 1_KiB}};
  EXPECT_THROW(schedule.add(op), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
