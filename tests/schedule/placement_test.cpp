#include "longhaul/schedule/placement.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/schedule/order.h"

namespace longhaul {
namespace {

// A chain on the compute lane in which op i reads the buffer that op i - 1 wrote.
Schedule chain(int length, Bytes size) {
  Schedule schedule;
  BufferId last;
  for (int i = 0; i < length; ++i) {
    const BufferId next =
        schedule.add_buffer({"x" + std::to_string(i), Tier::kDevice, size, false});
    Op op{.kind = OpKind::kForward, .lane = Lane::kCompute};
    if (last.exists()) op.reads = {{last, {}, size}};
    op.writes = {{next, {}, size}};
    schedule.add(op);
    last = next;
  }
  return schedule;
}

// Random ops on all lanes; each op waits for the writers and readers of what it touches, so that
// the schedule is sound.
Schedule random_schedule(unsigned seed) {
  std::mt19937 random(seed);
  const auto draw = [&](int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
  };
  Schedule schedule;
  std::vector<BufferId> buffers;
  std::vector<std::vector<OpId>> uses;
  for (int i = 0; i < 120; ++i) {
    Op op{.kind = OpKind::kForward, .lane = static_cast<Lane>(draw(kLaneCount))};
    std::vector<OpId> after;
    const auto touch = [&](std::size_t b) {
      after.insert(after.end(), uses[b].begin(), uses[b].end());
      uses[b].push_back(make_id<OpId>(static_cast<std::size_t>(i)));
      return Operand{buffers[b], {}, schedule[buffers[b]].size};
    };
    if (!buffers.empty()) {
      op.reads.push_back(touch(
          buffers.size() - 1 -
          static_cast<std::size_t>(draw(std::min<int>(8, static_cast<int>(buffers.size()))))));
    }
    buffers.push_back(schedule.add_buffer(
        {"b" + std::to_string(i), Tier::kDevice, Bytes{1 + draw(100000)}, draw(10) == 0}));
    uses.emplace_back();
    op.writes.push_back(touch(buffers.size() - 1));
    schedule.add(op, after);
  }
  return schedule;
}

TEST(Place, SharesBytesAlongAChain) {
  const PlacedSchedule placed = place(chain(10, 1_MiB));
  EXPECT_EQ(placed.peak[0], 2_MiB);  // what is read and what is written
}

TEST(Place, MeetsTheLowerBoundOfAChain) {
  const Schedule schedule = chain(50, 3_KiB);
  EXPECT_EQ(place(schedule).peak[0], lower_bound(schedule, Tier::kDevice));
  EXPECT_EQ(place(schedule).peak[0], least_peak(schedule)[0]);
}

TEST(Place, PutsPersistentBuffersFirstAndInOrder) {
  Schedule schedule = chain(3, 1_KiB);
  schedule.add_buffer({"state 0", Tier::kDevice, 300_KiB, true});
  schedule.add_buffer({"state 1", Tier::kDevice, 1_KiB, true});
  const PlacedSchedule placed = place(std::move(schedule));
  EXPECT_EQ(placed.offsets[3], Bytes{0});
  EXPECT_EQ(placed.offsets[4], 300_KiB);
  EXPECT_GE(placed.offsets[0], 301_KiB);
}

TEST(Place, NamesTheLargestBuffersWhenACapIsOneByteTooSmall) {
  const Schedule schedule = chain(4, 1_MiB);
  Caps caps;
  caps.bytes[0] = 2_MiB - Bytes{1};
  try {
    place(schedule, caps);
    FAIL() << "fitted";
  } catch (const DoesNotFit& error) {
    EXPECT_NE(std::string(error.what()).find("needs 2.00 MiB"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("x0"), std::string::npos) << error.what();
  }
  caps.bytes[0] = 2_MiB;
  EXPECT_NO_THROW(place(schedule, caps));
}

TEST(Place, NeverOverlapsLiveBuffersOfRandomSchedules) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Schedule schedule = random_schedule(seed);
    ASSERT_NO_THROW(check(schedule)) << "seed " << seed;
    const Bytes least = least_peak(schedule)[0];
    const PlacedSchedule placed = place(std::move(schedule));
    ASSERT_NO_THROW(check(placed)) << "seed " << seed;
    EXPECT_LE(least, placed.peak[0]) << "seed " << seed;
  }
}

// The plain search: largest first, of one size what may begin first, each at the lowest offset
// where it meets nobody.
std::vector<Bytes> search_plainly(const Schedule& schedule) {
  const HappensBefore is_before(schedule);
  const std::vector<Buffer>& buffers = schedule.buffers();
  std::vector<std::vector<OpId>> uses(buffers.size());
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const Op& op = schedule.ops()[i];
    for (const Operand& operand : op.reads)
      uses[operand.buffer.index()].push_back(make_id<OpId>(i));
    for (const Operand& operand : op.writes) {
      uses[operand.buffer.index()].push_back(make_id<OpId>(i));
    }
  }
  const auto ends_before = [&](std::size_t a, std::size_t b) {
    return std::all_of(uses[a].begin(), uses[a].end(), [&](OpId last) {
      return std::all_of(
          uses[b].begin(), uses[b].end(), [&](OpId begin) { return is_before(last, begin); });
    });
  };
  // The first op that does not end before every use. All ops are on the device.
  const auto begin_of = [&](std::size_t b) {
    std::size_t op = 0;
    while (std::all_of(uses[b].begin(), uses[b].end(), [&](OpId use) {
      return is_before(make_id<OpId>(op), use);
    })) {
      ++op;
    }
    return op;
  };
  std::vector<Bytes> offsets(buffers.size());
  std::vector<std::size_t> order;
  Bytes floor;
  for (std::size_t b = 0; b < buffers.size(); ++b) {
    if (!buffers[b].is_persistent) order.push_back(b);
    if (!buffers[b].is_persistent) continue;
    offsets[b] = floor;
    floor += Bytes{round_up(buffers[b].size.count, 256)};
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const std::int64_t size_a = round_up(buffers[a].size.count, 256);
    const std::int64_t size_b = round_up(buffers[b].size.count, 256);
    return size_a != size_b ? size_a > size_b : begin_of(a) < begin_of(b);
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t b = order[i];
    offsets[b] = floor;
    for (std::size_t j = 0; j < i;) {
      const std::size_t a = order[j];
      const Bytes end = offsets[a] + Bytes{round_up(buffers[a].size.count, 256)};
      const bool meets = offsets[b] < end &&
                         offsets[a] < offsets[b] + Bytes{round_up(buffers[b].size.count, 256)} &&
                         !ends_before(a, b) && !ends_before(b, a);
      if (meets) offsets[b] = end;
      j = meets ? 0 : j + 1;
    }
  }
  return offsets;
}

// Where the other order, by size times life, gives a smaller peak, that one is taken.
TEST(Place, FindsWhatAPlainSearchFindsOrLess) {
  int same = 0;
  for (unsigned seed = 100; seed < 200; ++seed) {
    const Schedule schedule = random_schedule(seed);
    const std::vector<Bytes> expected = search_plainly(schedule);
    Bytes peak;
    for (std::size_t b = 0; b < expected.size(); ++b) {
      peak = std::max(peak, expected[b] + Bytes{round_up(schedule.buffers()[b].size.count, 256)});
    }
    const PlacedSchedule placed = place(schedule);
    ASSERT_LE(placed.peak[0], peak) << "seed " << seed;
    if (placed.peak[0] < peak) continue;
    ++same;
    for (std::size_t b = 0; b < expected.size(); ++b) {
      ASSERT_EQ(placed.offsets[b], expected[b]) << "seed " << seed << ", buffer " << b;
    }
  }
  EXPECT_GE(same, 20);
}

TEST(CheckPlaced, CatchesTwoLiveBuffersAtOneAddress) {
  PlacedSchedule placed = place(chain(3, 1_KiB));
  placed.offsets[1] = placed.offsets[0];
  EXPECT_THROW(check(placed), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
