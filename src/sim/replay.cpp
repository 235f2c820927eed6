#include "longhaul/sim/replay.h"

#include <algorithm>
#include <array>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::size_t index_of(Lane lane) {
  return static_cast<std::size_t>(lane);
}

}  // namespace

Timeline replay(const Schedule& schedule, std::span<const Seconds> durations) {
  const std::vector<Op>& ops = schedule.ops();
  require(durations.size() == ops.size(),
          "replay: got ",
          durations.size(),
          " durations for ",
          ops.size(),
          " ops");
  Timeline timeline;
  timeline.ops.resize(ops.size());
  std::array<Seconds, kLaneCount> lane_free{};
  for (std::size_t i = 0; i < ops.size(); ++i) {
    Seconds start = lane_free[index_of(ops[i].lane)];
    for (const OpId before : schedule.after(make_id<OpId>(i))) {
      start = std::max(start, timeline.ops[before.index()].end);
    }
    timeline.ops[i] = {start, start + durations[i]};
    lane_free[index_of(ops[i].lane)] = timeline.ops[i].end;
  }
  return timeline;
}

std::vector<OpId> critical_path(const Schedule& schedule, const Timeline& replayed) {
  std::vector<OpId> path;
  std::array<OpId, kLaneCount> last{};
  std::vector<OpId> before_on_lane(schedule.ops().size());
  OpId op;
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const OpId id = make_id<OpId>(i);
    OpId& previous = last[index_of(schedule[id].lane)];
    before_on_lane[i] = previous;
    previous = id;
    if (!op.exists() || replayed.ops[i].end > replayed.ops[op.index()].end) op = id;
  }
  while (op.exists()) {
    path.push_back(op);
    const Seconds start = replayed.ops[op.index()].start;
    OpId cause = before_on_lane[op.index()];
    if (cause.exists() && replayed.ops[cause.index()].end < start) cause = {};
    for (const OpId before : schedule.after(op)) {
      if (!cause.exists() && replayed.ops[before.index()].end == start) cause = before;
    }
    op = start.value > 0.0 ? cause : OpId{};
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace longhaul
