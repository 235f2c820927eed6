#include "longhaul/sim/simulate.h"

#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// A schedule with the costs of its ops.
struct Script {
  Schedule schedule;
  OpCosts costs;

  OpId add(Lane lane,
           double seconds,
           std::initializer_list<OpId> after = {},
           std::array<float, kResourceCount> demand = {}) {
    costs.ops.push_back({{seconds}, demand});
    return schedule.add({.kind = OpKind::kForward, .lane = lane}, {after.begin(), after.size()});
  }
  Simulation run() const { return simulate(schedule, costs); }
};

constexpr std::array<float, kResourceCount> kLink{1, 0, 0, 0};
constexpr std::array<float, kResourceCount> kDisk{0, 1, 0, 0};

std::array<float, kResourceCount> memory(float share) {
  return {0, 0, share, 0};
}

TEST(Simulate, RunsLanesSideBySideAndOpsOfALaneInTurn) {
  Script script;
  script.add(Lane::kH2d, 5.0);
  script.add(Lane::kCompute, 2.0);
  script.add(Lane::kCompute, 1.0);

  const Simulation result = script.run();

  EXPECT_EQ(result.timeline.ops[0].end, Seconds{5.0});
  EXPECT_EQ(result.timeline.ops[2].start, Seconds{2.0});
  EXPECT_EQ(result.step, Seconds{5.0});
  EXPECT_EQ(result.busy[static_cast<std::size_t>(Lane::kCompute)], Seconds{3.0});
  EXPECT_EQ(busiest_lane(result), Lane::kH2d);
}

TEST(Simulate, WaitsForDependenciesEvenWhereALaneIsFree) {
  // Fetch 3 s, compute 2 s; the second fetch may begin when the first compute has ended.
  Script script;
  const OpId fetch = script.add(Lane::kH2d, 3.0);
  const OpId compute = script.add(Lane::kCompute, 2.0, {fetch});
  const OpId again = script.add(Lane::kH2d, 3.0, {compute});
  script.add(Lane::kCompute, 2.0, {again});

  const Simulation result = script.run();

  EXPECT_EQ(result.step, Seconds{10.0});
  EXPECT_EQ(critical_path(result), (std::vector<OpId>{{0}, {1}, {2}, {3}}));
}

TEST(Simulate, KnowsTheLongestChainFromTheRest) {
  Script script;
  script.add(Lane::kD2h, 1.0);
  const OpId first = script.add(Lane::kCompute, 2.0);
  const OpId second = script.add(Lane::kHost, 2.0, {first});

  EXPECT_EQ(critical_path(script.run()), (std::vector<OpId>{first, second}));
}

TEST(Simulate, RefusesAnotherNumberOfCosts) {
  Script script;
  script.add(Lane::kHost, 1.0);
  script.costs.ops.emplace_back();
  EXPECT_THROW(script.run(), InvalidArgument);
}

// 0..2 s both at half speed: 1 s of the read is left, and 3 s of the write. The read alone ends
// at 4 (2 s + 1 s / 0.5), the write then has 2 s left and ends at 6: the sum of both times.
TEST(Simulate, AddsTheTimesOfReadsAndWritesOfADisk) {
  Script script;
  script.add(Lane::kDiskRead, 2.0, {}, kDisk);
  script.add(Lane::kDiskWrite, 4.0, {}, kDisk);

  const Simulation result = script.run();

  EXPECT_DOUBLE_EQ(result.timeline.ops[0].end.value, 4.0);
  EXPECT_DOUBLE_EQ(result.step.value, 6.0);
  EXPECT_EQ(result.alone[static_cast<std::size_t>(Lane::kDiskRead)], Seconds{2.0});
}

// Mixing costs a quarter more: together the disk yields 0.8. Each runs at 0.4; the read ends at
// 2 / 0.4 = 5 s, when the write has 2 s left; it runs at 1 again and ends at 7.
TEST(Simulate, ChargesForMixingReadsAndWrites) {
  Script script;
  script.add(Lane::kDiskRead, 2.0, {}, kDisk);
  script.add(Lane::kDiskWrite, 4.0, {}, kDisk);
  script.costs.shared[static_cast<std::size_t>(Resource::kDisk)] = 0.8;

  const Simulation result = script.run();

  EXPECT_DOUBLE_EQ(result.timeline.ops[0].end.value, 5.0);
  EXPECT_DOUBLE_EQ(result.step.value, 7.0);
}

TEST(Simulate, RunsBothWaysOfADuplexLinkAtFullSpeed) {
  Script script;
  script.add(Lane::kH2d, 3.0, {}, kLink);
  script.add(Lane::kD2h, 3.0, {}, kLink);
  EXPECT_DOUBLE_EQ(script.run().step.value, 3.0);
}

// Both ways yield 1.5 of one way: each at 0.75. The copy down ends at 4 s; the one up has 3 s left.
TEST(Simulate, SlowsBothWaysOfALinkThatInterferes) {
  Script script;
  script.add(Lane::kH2d, 6.0, {}, kLink);
  script.add(Lane::kD2h, 3.0, {}, kLink);
  script.costs.shared[static_cast<std::size_t>(Resource::kLink)] = 1.5;

  const Simulation result = script.run();

  EXPECT_DOUBLE_EQ(result.timeline.ops[1].end.value, 4.0);
  EXPECT_DOUBLE_EQ(result.step.value, 7.0);
}

// The optimizer alone takes 0.9 of the memory, the copy 0.4: together 1.3, both at 1 / 1.3. The
// copy of 1 s ends at 1.3; the optimizer has 2 - 1 = 1 s left and ends at 2.3.
TEST(Simulate, SharesTheMemoryOfTheHost) {
  Script script;
  script.add(Lane::kHost, 2.0, {}, memory(0.9F));
  script.add(Lane::kH2d, 1.0, {}, memory(0.4F));

  const Simulation result = script.run();

  EXPECT_NEAR(result.timeline.ops[1].end.value, 1.3, 1e-6);
  EXPECT_NEAR(result.step.value, 2.3, 1e-6);
}

// Two disk lanes run at half speed and take 0.25 of the memory each; what they leave goes to the
// optimizer, which wants 0.6 and gets 0.5: max-min fairness, not equal slowing.
TEST(Simulate, GivesToOthersWhatAHeldBackOpLeaves) {
  Script script;
  script.add(Lane::kDiskRead, 10.0, {}, {0, 1, 0.5F, 0});
  script.add(Lane::kDiskWrite, 10.0, {}, {0, 1, 0.5F, 0});
  script.add(Lane::kHost, 1.0, {}, memory(0.6F));
  EXPECT_NEAR(script.run().timeline.ops[2].end.value, 1.2, 1e-6);
}

// Random schedules: no op begins before those it waits for have ended, lanes run one op at a time,
// no op is faster than alone, and without demands each begins the moment it can.
TEST(Simulate, KeepsTheRulesOnRandomSchedules) {
  std::mt19937 random(7);
  const auto draw = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  for (int round = 0; round < 50; ++round) {
    Script script;
    for (unsigned i = 0; i < 200; ++i) {
      std::vector<OpId> after;
      for (unsigned d = draw(3); i > 0 && d > 0; --d) after.push_back(make_id<OpId>(draw(i)));
      const auto lane = static_cast<Lane>(draw(kLaneCount));
      std::array<float, kResourceCount> demand{};
      for (float& share : demand) share = static_cast<float>(draw(5)) / 4.0F;
      script.costs.ops.push_back({{draw(10) / 4.0}, demand});
      script.schedule.add({.kind = OpKind::kForward, .lane = lane}, after);
    }
    const Simulation result = script.run();
    std::array<Seconds, kLaneCount> lane_free{};
    for (std::size_t i = 0; i < 200; ++i) {
      const OpId id = make_id<OpId>(i);
      const Interval& op = result.timeline.ops[i];
      Seconds earliest = lane_free[static_cast<std::size_t>(script.schedule[id].lane)];
      for (const OpId before : script.schedule.after(id)) {
        earliest = std::max(earliest, result.timeline.ops[before.index()].end);
      }
      ASSERT_EQ(op.start, earliest) << "round " << round << ", op " << i;
      ASSERT_GE((op.end - op.start).value, script.costs.ops[i].alone.value * (1 - 1e-12));
      lane_free[static_cast<std::size_t>(script.schedule[id].lane)] = op.end;
    }
    const std::vector<OpId> path = critical_path(result);
    for (std::size_t i = 1; i < path.size(); ++i) {
      ASSERT_EQ(result.timeline.ops[path[i].index()].start,
                result.timeline.ops[path[i - 1].index()].end);
    }
    ASSERT_EQ(result.timeline.ops[path.front().index()].start, Seconds{});
  }
}

}  // namespace
}  // namespace longhaul
