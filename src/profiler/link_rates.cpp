#include <algorithm>
#include <array>

#include "longhaul/core/error.h"

#include "host_rates.h"

namespace longhaul {
namespace {

constexpr Bytes kUsualCopy = 64_MiB;

// Copies of one size, one after the other over the whole arena, so that no cache holds what comes
// next.
class Copies {
 public:
  Copies(const Machine& machine, Bytes arena) : machine_(machine), arena_(arena) {
    device_ = make_trial_device(machine, arena, arena);
    fill_with_numbers(*device_, Tier::kHost, DType::kBF16);
    fill_with_numbers(*device_, Tier::kDevice, DType::kBF16);
  }

  Bytes arena() const { return arena_; }

  // Seconds of one copy on each of `lanes`, which copy at the same time: [lane].
  std::vector<Samples> time(const std::vector<Lane>& lanes, Bytes size, double seconds) const {
    const Bytes share{arena_.count / static_cast<std::int64_t>(lanes.size())};
    const std::int64_t count = std::clamp<std::int64_t>(share.count / size.count, 1, 4096);
    Schedule schedule;
    const BufferId host = schedule.add_buffer({"host", Tier::kHost, arena_, true});
    const BufferId device = schedule.add_buffer({"device", Tier::kDevice, arena_, true});
    for (std::size_t l = 0; l < lanes.size(); ++l) {
      for (std::int64_t i = 0; i < count; ++i) {
        const Bytes at = share * static_cast<std::int64_t>(l) + size * i;
        Op op{.kind = OpKind::kCopy, .lane = lanes[l]};
        op.reads = {{lanes[l] == Lane::kH2d ? host : device, at, size}};
        op.writes = {{lanes[l] == Lane::kH2d ? device : host, at, size}};
        schedule.add(std::move(op));
      }
    }
    const PlacedSchedule placed = place(std::move(schedule));
    Executor executor(placed, *device_, table_);
    std::vector<Samples> times(lanes.size());
    const auto each = [&](const Timeline& timeline) {
      for (std::size_t l = 0; l < lanes.size(); ++l) {
        const auto first = l * static_cast<std::size_t>(count);
        const Seconds span = span_of(timeline, first, first + static_cast<std::size_t>(count));
        times[l].add(span.value / static_cast<double>(count));
      }
    };
    run_passes(executor, {.seconds = seconds, .least = 3, .most = 30}, machine_.context, each);
    return times;
  }

 private:
  const Machine& machine_;
  Bytes arena_;
  CopiesOnly table_;
  std::unique_ptr<Device> device_;
};

// Rates of the copies of one direction, without what every copy takes besides.
MoveCurve curve_of(const Copies& copies, Lane lane, double latency, double seconds) {
  static constexpr std::array<Bytes, 4> kSizes{64_KiB, 1_MiB, 8_MiB, kUsualCopy};
  MoveCurve curve;
  for (const Bytes size : kSizes) {
    if (size * 2 > copies.arena() && !curve.points.empty()) break;
    const Samples times = copies.time({lane}, size, seconds / kSizes.size()).front();
    const Samples rates = times.mapped([&](double time) {
      return static_cast<double>(size.count) / std::max(time - latency, 1e-9);
    });
    const std::string how =
        concat("copies of ", to_string(size), " over ", to_string(copies.arena()));
    curve.points.push_back({size, measured_figure<BytesPerSecond>(rates, how)});
  }
  return without_lone_amount(std::move(curve));
}

}  // namespace

LinkProfile measure_link(const Machine& machine, double seconds, const OnShare& on_share) {
  const Bytes arena = std::min(
      {4 * kUsualCopy, {machine.host_memory.count / 4}, {machine.device_memory.count / 4}});
  const Copies copies(machine, arena);
  LinkProfile link;
  const Samples tiny = copies.time({Lane::kH2d}, Bytes{256}, 0.1).front();
  link.latency = measured_figure<Seconds>(tiny, "copies of 256 B");
  link.to_device = curve_of(copies, Lane::kH2d, tiny.median(), 0.35 * seconds);
  on_share(0.4);
  link.to_host = curve_of(copies, Lane::kD2h, tiny.median(), 0.35 * seconds);
  on_share(0.8);
  const Bytes size{std::min(kUsualCopy.count, arena.count) / 4};
  Samples shares;
  // Alone and together in turn: what else the machine does changes by the second.
  for (int i = 0; i < 5; ++i) {
    const double up = copies.time({Lane::kH2d}, size, 0.02 * seconds).front().median();
    const double down = copies.time({Lane::kD2h}, size, 0.02 * seconds).front().median();
    const auto both = copies.time({Lane::kH2d, Lane::kD2h}, size, 0.02 * seconds);
    const double share = (up / both[0].median() + down / both[1].median()) / 2.0;
    shares.add(std::clamp(share, 0.01, 1.0));
  }
  link.both_ways = measured_figure<double>(
      shares, concat("copies of ", to_string(size), " in both directions, against alone"));
  return link;
}

}  // namespace longhaul
