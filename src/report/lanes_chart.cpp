#include "longhaul/report/lanes_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/report/step_lanes.h"

namespace longhaul {
namespace {

constexpr std::size_t kColumns = 64;
constexpr double kIdle = 0.05;   // a column that is busy for less is blank
constexpr double kMostly = 0.5;  // and for less than this a dot

constexpr std::array<char, kWorkCount> kSymbols{'F', 'B', 'H', 'U', '+', '=', 'o'};

// Seconds that a lane spent on each kind of work, per column.
using Column = std::array<double, kWorkCount>;
using Row = std::array<Column, kColumns>;

void add(Row& row, std::size_t work, const Interval& interval, double width) {
  const auto column_at = [&](double time) {
    return std::min(kColumns - 1, static_cast<std::size_t>(time / width));
  };
  const std::size_t last = column_at(interval.end.value);
  for (std::size_t c = column_at(interval.start.value); c <= last; ++c) {
    const double begin = std::max(interval.start.value, static_cast<double>(c) * width);
    const double end = std::min(interval.end.value, static_cast<double>(c + 1) * width);
    row[c][work] += std::max(0.0, end - begin);
  }
}

char symbol_of(const Column& column, double width) {
  double busy = 0.0;
  for (const double seconds : column) busy += seconds;
  if (busy < kIdle * width) return ' ';
  if (busy < kMostly * width) return '.';
  const auto most = std::max_element(column.begin(), column.end());
  return kSymbols[static_cast<std::size_t>(most - column.begin())];
}

// Seconds of the compute lane's ops before a point of time.
class ComputeBefore {
 public:
  ComputeBefore(const Schedule& schedule, const Timeline& timeline) {
    for (std::size_t i = 0; i < timeline.ops.size(); ++i) {
      if (schedule.ops()[i].lane == Lane::kCompute) intervals_.push_back(timeline.ops[i]);
    }
    double sum = 0.0;
    for (const Interval& interval : intervals_) {
      sums_.push_back(sum);
      sum += (interval.end - interval.start).value;
    }
  }

  double operator()(Seconds time) const {
    const auto next = std::upper_bound(
        intervals_.begin(), intervals_.end(), time, [](Seconds at, const Interval& interval) {
          return at < interval.start;
        });
    if (next == intervals_.begin()) return 0.0;
    const auto i = static_cast<std::size_t>(next - intervals_.begin()) - 1;
    return sums_[i] + (std::min(time, intervals_[i].end) - intervals_[i].start).value;
  }

 private:
  std::vector<Interval> intervals_;  // in order: a lane runs one op at a time
  std::vector<double> sums_;         // of the intervals before each
};

std::string percent(double share) {
  const std::string digits = std::to_string(std::lround(100.0 * share));
  return std::string(digits.size() < 3 ? 3 - digits.size() : 0, ' ') + digits + " %";
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

}  // namespace

std::string lanes_chart(const Schedule& schedule, const Timeline& timeline) {
  require(timeline.ops.size() == schedule.ops().size(),
          "lanes_chart: got a timeline of ",
          timeline.ops.size(),
          " ops, expected ",
          schedule.ops().size());
  const double length = makespan(timeline).value;
  if (length <= 0.0) return {};
  const double width = length / static_cast<double>(kColumns);
  std::array<Row, kLaneCount> rows{};
  std::array<double, kLaneCount> beside{};
  std::array<bool, kLaneCount> is_used{};
  std::array<bool, kWorkCount> is_drawn{};
  const ComputeBefore compute_before(schedule, timeline);
  for (std::size_t i = 0; i < timeline.ops.size(); ++i) {
    const Op& op = schedule.ops()[i];
    const Interval& interval = timeline.ops[i];
    const auto lane = static_cast<std::size_t>(op.lane);
    is_used[lane] = true;
    const auto work = static_cast<std::size_t>(work_of(op.kind));
    is_drawn[work] = true;
    add(rows[lane], work, interval, width);
    beside[lane] += compute_before(interval.end) - compute_before(interval.start);
  }

  const std::array<Seconds, kLaneCount> busy = busy_time(schedule, timeline);
  std::string text =
      padded(concat("  ", to_string(Seconds{length}), ", a column is ", to_string(Seconds{width})),
             kColumns + 15) +
      "busy  beside compute\n";
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    if (!is_used[lane]) continue;
    text += "  " + padded(name_of(static_cast<Lane>(lane)), 11) + "|";
    for (const Column& column : rows[lane]) text += symbol_of(column, width);
    text += "|" + percent(busy[lane].value / length);
    if (static_cast<Lane>(lane) != Lane::kCompute && busy[lane].value > 0.0) {
      text += "  " + percent(beside[lane] / busy[lane].value);
    }
    text += '\n';
  }
  text += "  ";
  for (std::size_t k = 0; k < kWorkCount; ++k) {
    if (is_drawn[k]) text += concat(kSymbols[k], " ", name_of(static_cast<Work>(k)), "  ");
  }
  return text + ". less than half a column\n";
}

}  // namespace longhaul
