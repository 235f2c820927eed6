#include "longhaul/sim/replay.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

OpId add(Schedule& schedule, Lane lane, std::initializer_list<OpId> after = {}) {
  return schedule.add({.kind = OpKind::kForward, .lane = lane}, {after.begin(), after.size()});
}

TEST(Replay, RunsLanesSideBySideAndOpsOfALaneInTurn) {
  Schedule schedule;
  add(schedule, Lane::kH2d);
  add(schedule, Lane::kCompute);
  add(schedule, Lane::kCompute);
  const std::vector<Seconds> durations{{5.0}, {2.0}, {1.0}};

  const Timeline timeline = replay(schedule, durations);

  EXPECT_EQ(timeline.ops[0].end, Seconds{5.0});
  EXPECT_EQ(timeline.ops[2].start, Seconds{2.0});
  EXPECT_EQ(makespan(timeline), Seconds{5.0});
}

TEST(Replay, WaitsForDependenciesEvenWhereALaneIsFree) {
  // Fetch 3 s, compute 2 s; the second fetch may begin when the first compute has ended.
  Schedule schedule;
  const OpId fetch = add(schedule, Lane::kH2d);
  const OpId compute = add(schedule, Lane::kCompute, {fetch});
  const OpId again = add(schedule, Lane::kH2d, {compute});
  add(schedule, Lane::kCompute, {again});
  const std::vector<Seconds> durations{{3.0}, {2.0}, {3.0}, {2.0}};

  const Timeline timeline = replay(schedule, durations);

  EXPECT_EQ(makespan(timeline), Seconds{10.0});
  EXPECT_EQ(critical_path(schedule, timeline), (std::vector<OpId>{{0}, {1}, {2}, {3}}));
}

TEST(Replay, KnowsTheLongestChainFromTheRest) {
  Schedule schedule;
  add(schedule, Lane::kD2h);
  const OpId first = add(schedule, Lane::kCompute);
  const OpId second = add(schedule, Lane::kHost, {first});
  const std::vector<Seconds> durations{{1.0}, {2.0}, {2.0}};

  EXPECT_EQ(critical_path(schedule, replay(schedule, durations)),
            (std::vector<OpId>{first, second}));
}

TEST(Replay, RefusesAnotherNumberOfDurations) {
  Schedule schedule;
  add(schedule, Lane::kHost);
  EXPECT_THROW(replay(schedule, std::vector<Seconds>(2)), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
