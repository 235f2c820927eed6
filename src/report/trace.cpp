#include "longhaul/report/trace.h"

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"

namespace longhaul {
namespace {

constexpr std::int64_t kProcess = 1;
constexpr double kMicroseconds = 1e6;

Json track_name(std::size_t lane) {
  const char* name = name_of(static_cast<Lane>(lane));
  return Json::make_object({{"ph", Json("M")},
                            {"name", Json("thread_name")},
                            {"pid", Json(kProcess)},
                            {"tid", Json(static_cast<std::int64_t>(lane))},
                            {"args", Json::make_object({{"name", Json(name)}})}});
}

Bytes written_by(const Op& op) {
  Bytes bytes;
  for (const Operand& operand : op.writes) bytes += operand.size;
  return bytes;
}

}  // namespace

std::string to_trace(const Schedule& schedule,
                     const Timeline& timeline,
                     const std::vector<std::string>& node_names) {
  require(timeline.ops.size() == schedule.ops().size(),
          "to_trace: got a timeline of ",
          timeline.ops.size(),
          " ops, expected ",
          schedule.ops().size());
  std::vector<Json> events;
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) events.push_back(track_name(lane));
  for (std::size_t i = 0; i < timeline.ops.size(); ++i) {
    const Op& op = schedule.ops()[i];
    const Interval& interval = timeline.ops[i];
    const Seconds duration = interval.end - interval.start;
    events.push_back(
        Json::make_object({{"ph", Json("X")},
                           {"name", Json(describe(op, node_names))},
                           {"cat", Json(name_of(op.kind))},
                           {"pid", Json(kProcess)},
                           {"tid", Json(static_cast<std::int64_t>(op.lane))},
                           {"ts", Json(interval.start.value * kMicroseconds)},
                           {"dur", Json(duration.value * kMicroseconds)},
                           {"args",
                            Json::make_object({{"op", Json(static_cast<std::int64_t>(i))},
                                               {"bytes written", Json(written_by(op).count)}})}}));
  }
  return Json::make_object(
             {{"displayTimeUnit", Json("ms")}, {"traceEvents", Json::make_array(events)}})
      .dump();
}

}  // namespace longhaul
