#include "longhaul/report/step_lanes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Of the width of a picture: what happens within one of them is drawn as one thing.
constexpr std::int64_t kColumns = 1500;
constexpr double kNanoseconds = 1e9;

constexpr std::array<const char*, kWorkCount> kWorkNames{
    "forward", "backward", "head and loss", "optimizer", "sums of gradients", "copy", "other"};

std::size_t index_of(Work work) {
  return static_cast<std::size_t>(work);
}

// Merges what falls into one column, op by op in the order of a lane.
class LaneMerger {
 public:
  explicit LaneMerger(Seconds length) : column_(length.value / static_cast<double>(kColumns)) {}

  void add(const Interval& interval, Work work) {
    const double duration = (interval.end - interval.start).value;
    lane_.busy += interval.end - interval.start;
    if (!joins(interval, work)) {
      lane_.slices.push_back({interval, work});
      shares_ = {};
    }
    LaneSlice& last = lane_.slices.back();
    last.time.end = std::max(last.time.end, interval.end);
    shares_[index_of(work)] += duration;
    const auto most = std::max_element(shares_.begin(), shares_.end());
    last.work = static_cast<Work>(most - shares_.begin());
  }
  LaneLife take() && { return std::move(lane_); }

 private:
  bool joins(const Interval& interval, Work work) const {
    if (lane_.slices.empty()) return false;
    const LaneSlice& last = lane_.slices.back();
    const bool is_gapless = (interval.start - last.time.end).value < column_;
    const bool is_tiny = (interval.end - last.time.start).value < column_;
    return is_gapless && (last.work == work || is_tiny);
  }

  double column_;
  LaneLife lane_;
  std::array<double, kWorkCount> shares_{};  // seconds by work, of the last slice
};

struct Change {
  Seconds at;
  std::int64_t bytes;
};

// When buffers that do not persist come to life and die, by tier.
std::array<std::vector<Change>, kTierCount> changes_of(const Schedule& schedule,
                                                       const Timeline& timeline) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<Interval> lives(schedule.buffers().size(), {{kNever}, {-kNever}});
  for (std::size_t i = 0; i < timeline.ops.size(); ++i) {
    const Op& op = schedule.ops()[i];
    const auto touch = [&](const Operand& operand) {
      if (!operand.exists()) return;
      Interval& life = lives[operand.buffer.index()];
      life.start = std::min(life.start, timeline.ops[i].start);
      life.end = std::max(life.end, timeline.ops[i].end);
    };
    for (const Operand& operand : op.reads) touch(operand);
    for (const Operand& operand : op.writes) touch(operand);
    touch(op.scratch);
  }
  std::array<std::vector<Change>, kTierCount> changes;
  for (std::size_t b = 0; b < lives.size(); ++b) {
    const Buffer& buffer = schedule.buffers()[b];
    if (buffer.is_persistent || lives[b].start.value == kNever) continue;
    std::vector<Change>& tier = changes[static_cast<std::size_t>(buffer.tier)];
    tier.push_back({lives[b].start, buffer.size.count});
    tier.push_back({lives[b].end, -buffer.size.count});
  }
  return changes;
}

Bytes persistent_bytes(const Schedule& schedule, Tier tier) {
  Bytes sum;
  for (const Buffer& buffer : schedule.buffers()) {
    if (buffer.tier == tier && buffer.is_persistent) sum += buffer.size;
  }
  return sum;
}

// One point per column, the largest.
std::vector<TierPoint> thinned(const std::vector<TierPoint>& points, Seconds length) {
  if (static_cast<std::int64_t>(points.size()) <= kColumns) return points;
  const double column = length.value / static_cast<double>(kColumns);
  std::vector<TierPoint> thin;
  std::int64_t last = -1;
  for (const TierPoint& point : points) {
    const auto at = static_cast<std::int64_t>(point.at.value / column);
    if (at != last) {
      // What is alive when the column begins counts in it too.
      const Bytes before = thin.empty() ? Bytes{} : (&point - 1)->live;
      thin.push_back({Seconds{static_cast<double>(at) * column}, std::max(before, point.live)});
      last = at;
    }
    thin.back().live = std::max(thin.back().live, point.live);
  }
  if (thin.back().live != points.back().live) thin.push_back({length, points.back().live});
  return thin;
}

std::vector<TierPoint> alive(std::vector<Change> changes, Bytes persistent, Seconds length) {
  // What dies at a time makes room for what is born then.
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::pair(a.at.value, a.bytes) < std::pair(b.at.value, b.bytes);
  });
  std::vector<TierPoint> points{{Seconds{}, persistent}};
  std::int64_t sum = persistent.count;
  for (const Change& change : changes) {
    sum += change.bytes;
    if (points.back().at == change.at) {
      points.back().live = {sum};
    } else {
      points.push_back({change.at, {sum}});
    }
  }
  return thinned(points, length);
}

// --- JSON

Json nanoseconds(Seconds time) {
  return {static_cast<std::int64_t>(std::llround(time.value * kNanoseconds))};
}

Seconds seconds_at(const Json& array, std::size_t index) {
  return {static_cast<double>(array.at(index).as_int()) / kNanoseconds};
}

// Arrays are flat: `width` numbers for each item.
Json items_of(const Json& object, const char* key, std::size_t width) {
  Json array = object.at(key);
  if (array.size() % width != 0) {
    throw FormatError(
        concat(array.where(), ": got ", array.size(), " numbers, expected a multiple of ", width));
  }
  return array;
}

Work work_at(const Json& array, std::size_t index) {
  const Json value = array.at(index);
  const std::int64_t work = value.as_int();
  if (work < 0 || work >= static_cast<std::int64_t>(kWorkCount)) {
    throw FormatError(concat(value.where(), ": got ", work, ", expected 0 to ", kWorkCount - 1));
  }
  return static_cast<Work>(work);
}

}  // namespace

const char* name_of(Work work) {
  return kWorkNames[index_of(work)];
}

Work work_of(OpKind kind) {
  switch (kind) {
    case OpKind::kForward:
    case OpKind::kPrefill:
    case OpKind::kDecode: return Work::kForward;
    case OpKind::kBackward: return Work::kBackward;
    case OpKind::kHeadLoss:
    case OpKind::kHeadStatistics:
    case OpKind::kHeadGradient:
    case OpKind::kLogits: return Work::kHead;
    case OpKind::kUpdate: return Work::kUpdate;
    case OpKind::kAccumulate:
    case OpKind::kRound: return Work::kSum;
    case OpKind::kCopy: return Work::kCopy;
    default: return Work::kOther;
  }
}

StepLanes make_step_lanes(std::int64_t step,
                          const PlacedSchedule& placed,
                          const Timeline& timeline) {
  const Schedule& schedule = placed.schedule;
  require(timeline.ops.size() == schedule.ops().size(),
          "make_step_lanes: got a timeline of ",
          timeline.ops.size(),
          " ops, expected ",
          schedule.ops().size());
  StepLanes lanes{.step = step, .length = makespan(timeline)};
  std::vector<LaneMerger> mergers(kLaneCount, LaneMerger(lanes.length));
  for (std::size_t i = 0; i < timeline.ops.size(); ++i) {
    const Op& op = schedule.ops()[i];
    mergers[static_cast<std::size_t>(op.lane)].add(timeline.ops[i], work_of(op.kind));
  }
  for (std::size_t l = 0; l < kLaneCount; ++l) lanes.lanes[l] = std::move(mergers[l]).take();
  std::array<std::vector<Change>, kTierCount> changes = changes_of(schedule, timeline);
  for (std::size_t t = 0; t < kTierCount; ++t) {
    const Bytes persistent = persistent_bytes(schedule, static_cast<Tier>(t));
    lanes.tiers[t] = {placed.peak[t], alive(std::move(changes[t]), persistent, lanes.length)};
  }
  return lanes;
}

Json to_json(const StepLanes& lanes) {
  std::vector<Json> works;
  works.reserve(std::size(kWorkNames));
  for (const char* name : kWorkNames) works.emplace_back(name);
  Json::Members all;
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    std::vector<Json> slices;
    for (const LaneSlice& slice : lanes.lanes[l].slices) {
      slices.push_back(nanoseconds(slice.time.start));
      slices.push_back(nanoseconds(slice.time.end));
      slices.emplace_back(static_cast<std::int64_t>(slice.work));
    }
    all.emplace_back(name_of(static_cast<Lane>(l)),
                     Json::make_object({{"busy_seconds", Json(lanes.lanes[l].busy.value)},
                                        {"slices", Json::make_array(slices)}}));
  }
  Json::Members tiers;
  for (std::size_t t = 0; t < kTierCount; ++t) {
    std::vector<Json> points;
    for (const TierPoint& point : lanes.tiers[t].alive) {
      points.push_back(nanoseconds(point.at));
      points.emplace_back(point.live.count);
    }
    tiers.emplace_back(name_of(static_cast<Tier>(t)),
                       Json::make_object({{"arena", Json(lanes.tiers[t].arena.count)},
                                          {"alive", Json::make_array(points)}}));
  }
  return Json::make_object({{"step", Json(lanes.step)},
                            {"seconds", Json(lanes.length.value)},
                            {"work", Json::make_array(works)},
                            {"lanes", Json::make_object(all)},
                            {"memory", Json::make_object(tiers)}});
}

StepLanes parse_step_lanes(const Json& json) {
  StepLanes lanes{.step = json.as_int("step"), .length = {json.as_double("seconds")}};
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    const Json lane = json.at("lanes").at(name_of(static_cast<Lane>(l)));
    LaneLife& life = lanes.lanes[l];
    life.busy = {lane.as_double("busy_seconds")};
    const Json slices = items_of(lane, "slices", 3);
    for (std::size_t i = 0; i < slices.size(); i += 3) {
      life.slices.push_back(
          {{seconds_at(slices, i), seconds_at(slices, i + 1)}, work_at(slices, i + 2)});
    }
  }
  for (std::size_t t = 0; t < kTierCount; ++t) {
    const Json tier = json.at("memory").at(name_of(static_cast<Tier>(t)));
    TierLife& life = lanes.tiers[t];
    life.arena = {tier.as_int("arena")};
    const Json points = items_of(tier, "alive", 2);
    for (std::size_t i = 0; i < points.size(); i += 2) {
      life.alive.push_back({seconds_at(points, i), {points.at(i + 1).as_int()}});
    }
  }
  return lanes;
}

}  // namespace longhaul
