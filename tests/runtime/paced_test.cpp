#include "longhaul/runtime/paced.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace longhaul {
namespace {

// A read and a write of 0.2 s that wait for nothing.
PlacedSchedule read_and_write() {
  Schedule schedule;
  const BufferId buffer = schedule.add_buffer({"bytes", Tier::kHost, 4_KiB, true});
  for (const Lane lane : {Lane::kDiskRead, Lane::kDiskWrite}) {
    Op op{.kind = OpKind::kCopy, .lane = lane};
    op.reads = {{buffer, {}, 4_KiB}};
    op.writes = {{buffer, {}, 4_KiB}};
    schedule.add(std::move(op));
  }
  return place(std::move(schedule));
}

double seconds_of(bool has_one_disk) {
  const Paced paced = make_paced(read_and_write(), {{0.2}, {0.2}}, 1.0, has_one_disk);
  Executor executor(paced.placed, *paced.device, *paced.table);
  return makespan(executor.run()).value;
}

TEST(MakePaced, AddsTheTimesOfReadsAndWritesOfOneDisk) {
  EXPECT_GE(seconds_of(true), 0.4);
}

// On a machine too busy to wake a thread within 0.2 s one of a few tries must do.
TEST(MakePaced, LetsThemRunSideBySideOtherwise) {
  double best = 1.0;
  for (int i = 0; i < 5; ++i) best = std::min(best, seconds_of(false));
  EXPECT_GE(best, 0.2);
  EXPECT_LT(best, 0.4);
}

}  // namespace
}  // namespace longhaul
