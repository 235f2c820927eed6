#include "longhaul/report/trace.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"

namespace longhaul {
namespace {

Schedule copy_and_forward() {
  Schedule schedule;
  const OpId copy = schedule.add({.kind = OpKind::kCopy, .lane = Lane::kH2d});
  const Op forward{.kind = OpKind::kForward, .lane = Lane::kCompute, .node = NodeId{0}};
  schedule.add(forward, {{copy}});
  return schedule;
}

TEST(ToTrace, HasOneSlicePerOpInMicroseconds) {
  const Timeline timeline{{{Seconds{0.0}, Seconds{0.5}}, {Seconds{0.5}, Seconds{2.0}}}};

  const Json trace = Json::parse(to_trace(copy_and_forward(), timeline, {"q_proj"}), "trace");

  std::vector<Json> slices;
  for (const Json& event : trace.at("traceEvents").elements()) {
    if (event.as_string("ph") == "X") slices.push_back(event);
  }
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[1].as_string("name"), "forward q_proj on lane compute");
  EXPECT_DOUBLE_EQ(slices[1].as_double("ts"), 0.5e6);
  EXPECT_DOUBLE_EQ(slices[1].as_double("dur"), 1.5e6);
  EXPECT_NE(slices[0].as_int("tid"), slices[1].as_int("tid"));
}

// Perfetto drops slices of thread 0 and calls the thread numbered like its process the main thread.
TEST(ToTrace, GivesLanesThreadsOfTheirOwn) {
  const Timeline timeline{{{Seconds{0.0}, Seconds{0.5}}, {Seconds{0.5}, Seconds{2.0}}}};
  const Json trace = Json::parse(to_trace(copy_and_forward(), timeline), "trace");
  for (const Json& event : trace.at("traceEvents").elements()) {
    EXPECT_NE(event.as_int("tid"), 0);
    EXPECT_NE(event.as_int("tid"), event.as_int("pid"));
  }
}

TEST(ToTrace, RefusesATimelineOfAnotherSchedule) {
  EXPECT_THROW(to_trace(copy_and_forward(), Timeline{}), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
