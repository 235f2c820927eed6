// One step as a picture needs it: what each lane did when, and how many bytes were alive in each
// tier. Small whatever the number of ops, so that a run keeps one beside its metrics (lanes.json).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/schedule/placement.h"
#include "longhaul/schedule/timeline.h"

namespace longhaul {

// What an op does, as a reader of a picture tells ops apart.
enum class Work : std::uint8_t { kForward, kBackward, kHead, kUpdate, kSum, kCopy, kOther };
inline constexpr std::size_t kWorkCount = 7;
const char* name_of(Work work);
Work work_of(OpKind kind);

struct LaneSlice {
  Interval time;
  Work work = Work::kOther;
};

struct LaneLife {
  Seconds busy;  // inside ops, exactly
  // In order, without overlap. Ops too short to be seen share one: its ends are those of the first
  // and the last, its work is what took longest.
  std::vector<LaneSlice> slices;
};

struct TierPoint {
  Seconds at;
  Bytes live;  // from then on; where points were merged the most of them
};

struct TierLife {
  Bytes arena;                   // what was taken for the pass
  std::vector<TierPoint> alive;  // persistent buffers, and others from first to last use
};

struct StepLanes {
  std::int64_t step = 0;
  Seconds length;
  std::array<LaneLife, kLaneCount> lanes;
  std::array<TierLife, kTierCount> tiers;
};

// Throws InvalidArgument when timeline and schedule differ in length.
StepLanes make_step_lanes(std::int64_t step,
                          const PlacedSchedule& placed,
                          const Timeline& timeline);

// At most 1 MB as text. Times as whole nanoseconds.
Json to_json(const StepLanes& lanes);
// Throws FormatError that names what is wrong and where.
StepLanes parse_step_lanes(const Json& json);

}  // namespace longhaul
