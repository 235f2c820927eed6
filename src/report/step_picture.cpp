#include "step_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "longhaul/core/error.h"

#include "axis.h"
#include "html.h"
#include "plan_words.h"

namespace longhaul {
namespace {

constexpr double kWidth = 1140.0;
constexpr double kLeft = 92.0;
constexpr double kRight = kWidth - 120.0;
constexpr double kLane = 26.0;  // height; a gap of the next follows
constexpr double kGap = 8.0;
constexpr double kTier = 78.0;
constexpr double kTitle = 24.0;  // above a tier

// By Work.
constexpr std::array<int, kWorkCount> kWorkColors{0, 1, 6, 7, 3, 2, kGrey};
constexpr std::array<int, kTierCount> kTierColors{0, 2, 6};

struct TimeScale {
  Seconds length;
  double unit;  // seconds
  const char* name;

  double px(Seconds time) const { return kLeft + time.value / length.value * (kRight - kLeft); }
};

TimeScale time_scale(Seconds length) {
  if (length.value < 1e-3) return {length, 1e-6, "µs"};
  if (length.value < 1.0) return {length, 1e-3, "ms"};
  return {length, 1.0, "s"};
}

struct ByteUnit {
  double size;
  const char* name;
};

ByteUnit byte_unit(double most) {
  for (const ByteUnit unit : {ByteUnit{1099511627776.0, "TiB"},
                              ByteUnit{1073741824.0, "GiB"},
                              ByteUnit{1048576.0, "MiB"},
                              ByteUnit{1024.0, "KiB"}}) {
    if (most >= unit.size) return unit;
  }
  return {1.0, "B"};
}

std::string horizontal(const char* kind, double y) {
  return concat("<line class=\"",
                kind,
                "\" x1=\"",
                coordinate(kLeft),
                "\" x2=\"",
                coordinate(kRight),
                "\" y1=\"",
                coordinate(y),
                "\" y2=\"",
                coordinate(y),
                "\"/>\n");
}

// One path per kind of work.
std::string lane_row(const LaneLife& lane, Lane name, const TimeScale& time, double top) {
  std::array<std::string, kWorkCount> paths;
  for (const LaneSlice& slice : lane.slices) {
    const double x = time.px(slice.time.start);
    // What is shorter than half a point would vanish.
    const double width = std::max(0.5, time.px(slice.time.end) - x);
    paths[static_cast<std::size_t>(slice.work)] += concat("M",
                                                          coordinate(x),
                                                          " ",
                                                          coordinate(top),
                                                          "h",
                                                          coordinate(width),
                                                          "v",
                                                          coordinate(kLane),
                                                          "h-",
                                                          coordinate(width),
                                                          "z");
  }
  std::string text = text_at(kLeft - 8.0, top + kLane / 2 + 4.0, "end", name_of(name), true);
  text += horizontal("grid", top + kLane);
  for (std::size_t w = 0; w < kWorkCount; ++w) {
    if (paths[w].empty()) continue;
    text += concat("<path class=\"fill c",
                   kWorkColors[w],
                   "\" d=\"",
                   paths[w],
                   "\"><title>",
                   name_of(name),
                   ": ",
                   name_of(static_cast<Work>(w)),
                   "</title></path>\n");
  }
  return text + text_at(kRight + 8.0,
                        top + kLane / 2 + 4.0,
                        "start",
                        "busy " + percent(lane.busy.value / time.length.value));
}

std::string tier_row(const TierLife& tier,
                     Tier name,
                     const std::optional<Bytes>& cap,
                     const TimeScale& time,
                     double top) {
  double most = static_cast<double>(tier.arena.count);
  for (const TierPoint& point : tier.alive) {
    most = std::max(most, static_cast<double>(point.live.count));
  }
  const bool shows_cap = cap && static_cast<double>(cap->count) < 1.5 * most;
  if (shows_cap) most = std::max(most, static_cast<double>(cap->count));
  const ByteUnit unit = byte_unit(most);
  const Axis axis = make_axis(0.0, 1.04 * most / unit.size, 3, /*has_room=*/false);
  const double bottom = top + kTier;
  const auto y = [&](double bytes) { return bottom - axis.share(bytes / unit.size) * kTier; };

  std::string text =
      text_at(kLeft, top - 6.0, "start", concat("alive in the tier ", name_of(name)), true);
  for (const double mark : axis.marks) {
    text += horizontal("grid", y(mark * unit.size));
    text += text_at(kLeft - 8.0,
                    y(mark * unit.size) + 4.0,
                    "end",
                    mark == 0.0 ? "0" : concat(mark_text(mark), " ", unit.name));
  }
  std::string path = concat("M", coordinate(kLeft), " ", coordinate(bottom));
  for (const TierPoint& point : tier.alive) {
    path += concat("H",
                   coordinate(time.px(point.at)),
                   "V",
                   coordinate(y(static_cast<double>(point.live.count))));
  }
  path += concat("H", coordinate(kRight), "V", coordinate(bottom), "z");
  text += concat("<path class=\"area c",
                 kTierColors[static_cast<std::size_t>(name)],
                 "\" d=\"",
                 path,
                 "\"><title>alive in the tier ",
                 name_of(name),
                 "</title></path>\n");
  const double arena = y(static_cast<double>(tier.arena.count));
  text += horizontal("arena", arena);
  text += text_at(kRight + 8.0, top + 14.0, "start", to_string(tier.arena));
  text += text_at(kRight + 8.0, top + 30.0, "start", "taken");
  if (cap) {
    if (shows_cap) text += horizontal("limit", y(static_cast<double>(cap->count)));
    text += text_at(kRight + 8.0, top + 52.0, "start", to_string(*cap));
    text += text_at(kRight + 8.0, top + 68.0, "start", "allowed");
  }
  return text;
}

std::string time_axis(const TimeScale& time, double top, double bottom) {
  const Axis axis = make_axis(0.0, time.length.value / time.unit, 10, /*has_room=*/false);
  std::string text;
  for (const double mark : axis.marks) {
    const double x = time.px(Seconds{mark * time.unit});
    text += concat(R"(<line class="grid" x1=")",
                   coordinate(x),
                   "\" x2=\"",
                   coordinate(x),
                   "\" y1=\"",
                   coordinate(top),
                   "\" y2=\"",
                   coordinate(bottom + 4.0),
                   "\"/>\n");
    text += text_at(x, bottom + 18.0, "middle", concat(mark_text(mark), " ", time.name));
  }
  return text;
}

bool holds_something(const TierLife& tier) {
  return tier.arena.count > 0 || std::any_of(tier.alive.begin(), tier.alive.end(), [](auto& point) {
           return point.live.count > 0;
         });
}

}  // namespace

std::string step_picture(const StepLanes& lanes, const TierCaps& caps) {
  if (lanes.length.value <= 0.0) return "<p>The step has no ops.</p>\n";
  const TimeScale time = time_scale(lanes.length);
  std::array<bool, kWorkCount> is_drawn{};
  std::string rows;
  double top = 4.0;
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    const LaneLife& lane = lanes.lanes[l];
    if (lane.slices.empty()) continue;
    for (const LaneSlice& slice : lane.slices) {
      is_drawn[static_cast<std::size_t>(slice.work)] = true;
    }
    rows += lane_row(lane, static_cast<Lane>(l), time, top);
    top += kLane + kGap;
  }
  for (std::size_t t = 0; t < kTierCount; ++t) {
    if (!holds_something(lanes.tiers[t])) continue;
    top += kTitle;
    rows += tier_row(lanes.tiers[t], static_cast<Tier>(t), caps[t], time, top);
    top += kTier + kGap;
  }
  std::vector<LegendItem> names;
  for (std::size_t w = 0; w < kWorkCount; ++w) {
    if (is_drawn[w]) names.push_back({name_of(static_cast<Work>(w)), kWorkColors[w]});
  }
  return concat(legend(names),
                R"(<div class="wide"><svg viewBox="0 0 )",
                coordinate(kWidth),
                " ",
                coordinate(top + 22.0),
                "\" role=\"img\" aria-label=\"lanes and memory of a step\">\n",
                time_axis(time, 0.0, top),
                rows,
                "</svg></div>\n");
}

}  // namespace longhaul
