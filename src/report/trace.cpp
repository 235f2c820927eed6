#include "longhaul/report/trace.h"

#include <cmath>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"

namespace longhaul {
namespace {

constexpr std::int64_t kProcess = 1;

// Perfetto takes thread 0 for the system's idle thread, whose slices it drops, and the thread that
// is numbered like its process for the main one.
std::int64_t thread_of(Lane lane) {
  return kProcess + 1 + static_cast<std::int64_t>(lane);
}

Json named(const char* kind, const char* name, std::int64_t thread) {
  return Json::make_object({{"ph", Json("M")},
                            {"name", Json(kind)},
                            {"pid", Json(kProcess)},
                            {"tid", Json(thread)},
                            {"args", Json::make_object({{"name", Json(name)}})}});
}

// To the nanosecond, which is what viewers keep: ends that are rounded by themselves meet.
double microseconds(Seconds time) {
  return std::round(time.value * 1e9) / 1e3;
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
  events.push_back(named("process_name", "longhaul step", kProcess + 1));
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    const auto lane = static_cast<Lane>(i);
    events.push_back(named("thread_name", name_of(lane), thread_of(lane)));
  }
  for (std::size_t i = 0; i < timeline.ops.size(); ++i) {
    const Op& op = schedule.ops()[i];
    const Interval& interval = timeline.ops[i];
    const double start = microseconds(interval.start);
    events.push_back(
        Json::make_object({{"ph", Json("X")},
                           {"name", Json(describe(op, node_names))},
                           {"cat", Json(name_of(op.kind))},
                           {"pid", Json(kProcess)},
                           {"tid", Json(thread_of(op.lane))},
                           {"ts", Json(start)},
                           {"dur", Json(microseconds(interval.end) - start)},
                           {"args",
                            Json::make_object({{"op", Json(static_cast<std::int64_t>(i))},
                                               {"bytes written", Json(written_by(op).count)}})}}));
  }
  return Json::make_object(
             {{"displayTimeUnit", Json("ms")}, {"traceEvents", Json::make_array(events)}})
      .dump();
}

}  // namespace longhaul
