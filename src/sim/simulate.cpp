#include "longhaul/sim/simulate.h"

#include <algorithm>
#include <limits>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::size_t index_of(Lane lane) {
  return static_cast<std::size_t>(lane);
}

// What a lane does.
struct Running {
  OpId op;  // none: the lane waits
  double begun = 0.0;
  double left = 0.0;  // seconds at full speed, at `since`
  double since = 0.0;
  double speed = 1.0;
  double end = 0.0;
};

class Simulator {
 public:
  Simulator(const Schedule& schedule, const OpCosts& costs) : schedule_(schedule), costs_(costs) {
    const std::size_t count = schedule.ops().size();
    for (std::size_t i = 0; i < count; ++i) {
      lanes_[index_of(schedule.ops()[i].lane)].push_back(static_cast<std::int32_t>(i));
    }
    result_.timeline.ops.resize(count);
    result_.cause.resize(count);
    ended_.resize(count, 0);
  }

  Simulation run() {
    for (;;) {
      bool has_begun = false;
      for (std::size_t l = 0; l < kLaneCount; ++l) has_begun |= begin_next(l);
      if (has_begun || has_ended_) share();
      has_ended_ = false;
      double next = std::numeric_limits<double>::infinity();
      for (const Running& lane : running_) {
        if (lane.op.exists()) next = std::min(next, lane.end);
      }
      if (next == std::numeric_limits<double>::infinity()) break;
      now_ = next;
      for (std::size_t l = 0; l < kLaneCount; ++l) {
        if (running_[l].op.exists() && running_[l].end == now_) end(l);
      }
    }
    result_.step = {now_};
    return std::move(result_);
  }

 private:
  // Begins the next op of a lane if the lane is free and all that it waits for has ended.
  bool begin_next(std::size_t l) {
    if (running_[l].op.exists() || next_[l] == lanes_[l].size()) return false;
    const OpId op = make_id<OpId>(static_cast<std::size_t>(lanes_[l][next_[l]]));
    const auto after = schedule_.after(op);
    while (met_[l] < after.size() && ended_[after[met_[l]].index()] != 0) {
      note_cause(op, after[met_[l]]);
      ++met_[l];
    }
    if (met_[l] < after.size()) return false;
    if (next_[l] > 0) {
      note_cause(op, make_id<OpId>(static_cast<std::size_t>(lanes_[l][next_[l] - 1])));
    }
    const double alone = costs_.ops[op.index()].alone.value;
    running_[l] = {op, now_, alone, now_, 1.0, now_ + alone};
    return true;
  }

  // The op that ended last, and of several the one on the same lane.
  void note_cause(OpId op, OpId before) {
    OpId& cause = result_.cause[op.index()];
    const auto end_of = [&](OpId id) { return result_.timeline.ops[id.index()].end.value; };
    if (!cause.exists() || end_of(before) >= end_of(cause)) cause = before;
  }

  void end(std::size_t l) {
    Running& lane = running_[l];
    const Op& op = schedule_[lane.op];
    result_.timeline.ops[lane.op.index()] = {{lane.begun}, {now_}};
    result_.busy[l] += Seconds{now_ - lane.begun};
    result_.alone[l] += costs_.ops[lane.op.index()].alone;
    if (op.kind == OpKind::kCopy) result_.moved[l] += op.reads[0].size;
    ended_[lane.op.index()] = 1;
    lane.op = {};
    ++next_[l];
    met_[l] = 0;
    has_ended_ = true;
  }

  // Gives every running op its speed: all rise together until a resource is full, whose users stay
  // where they are while the others go on.
  void share() {
    std::array<double, kLaneCount> speed{};
    std::array<bool, kLaneCount> is_rising{};
    for (std::size_t l = 0; l < kLaneCount; ++l) is_rising[l] = running_[l].op.exists();
    const std::array<double, kResourceCount> capacity = capacities();
    for (bool is_done = false; !is_done;) {
      const Limit limit = limit_of(speed, is_rising, capacity);
      is_done = limit.resource == kResourceCount;
      for (std::size_t l = 0; l < kLaneCount; ++l) {
        const bool stops = is_done || demand(l, limit.resource) > 0.0;
        if (!is_rising[l] || !stops) continue;
        speed[l] = limit.level;
        is_rising[l] = false;
      }
    }
    for (std::size_t l = 0; l < kLaneCount; ++l) {
      if (running_[l].op.exists()) set_speed(running_[l], speed[l]);
    }
  }

  // How far ops may rise together, and the resource that stops them, if any does.
  struct Limit {
    double level = 1.0;
    std::size_t resource = kResourceCount;
  };
  Limit limit_of(const std::array<double, kLaneCount>& speed,
                 const std::array<bool, kLaneCount>& is_rising,
                 const std::array<double, kResourceCount>& capacity) const {
    Limit limit;
    for (std::size_t r = 0; r < kResourceCount; ++r) {
      double taken = 0.0;
      double wanted = 0.0;
      for (std::size_t l = 0; l < kLaneCount; ++l) {
        if (is_rising[l]) wanted += demand(l, r);
        if (!is_rising[l]) taken += demand(l, r) * speed[l];
      }
      if (wanted > 0.0 && taken + wanted * limit.level > capacity[r]) {
        limit = {std::max(0.0, capacity[r] - taken) / wanted, r};
      }
    }
    return limit;
  }

  // A resource with one user gives it all it can take.
  std::array<double, kResourceCount> capacities() const {
    std::array<double, kResourceCount> capacity{};
    for (std::size_t r = 0; r < kResourceCount; ++r) {
      int users = 0;
      for (std::size_t l = 0; l < kLaneCount; ++l) users += static_cast<int>(demand(l, r) > 0.0);
      capacity[r] = users > 1 ? costs_.shared[r] : 1.0;
    }
    return capacity;
  }

  // Of the op that a lane runs; 0 when it runs none.
  double demand(std::size_t l, std::size_t r) const {
    const OpId op = running_[l].op;
    return op.exists() ? static_cast<double>(costs_.ops[op.index()].demand[r]) : 0.0;
  }

  void set_speed(Running& lane, double speed) const {
    if (speed == lane.speed) return;
    lane.left = std::max(0.0, lane.left - (now_ - lane.since) * lane.speed);
    lane.since = now_;
    lane.speed = speed;
    lane.end = now_ + lane.left / speed;
  }

  const Schedule& schedule_;
  const OpCosts& costs_;
  std::array<std::vector<std::int32_t>, kLaneCount> lanes_;
  std::array<std::size_t, kLaneCount> next_{};
  std::array<std::size_t, kLaneCount> met_{};  // dependencies of the next op known to have ended
  std::array<Running, kLaneCount> running_{};
  std::vector<char> ended_;
  double now_ = 0.0;
  bool has_ended_ = false;
  Simulation result_;
};

void check_costs(const Schedule& schedule, const OpCosts& costs) {
  require(costs.ops.size() == schedule.ops().size(),
          "simulate: got ",
          costs.ops.size(),
          " costs for ",
          schedule.ops().size(),
          " ops");
}

}  // namespace

Simulation simulate(const Schedule& schedule, const OpCosts& costs) {
  check_costs(schedule, costs);
  return Simulator(schedule, costs).run();
}

Simulation simulate(const PlacedSchedule& placed, const OpCosts& costs) {
  Simulation simulation = simulate(placed.schedule, costs);
  simulation.peak = placed.peak;
  return simulation;
}

std::vector<OpId> critical_path(const Simulation& simulation) {
  const std::vector<Interval>& ops = simulation.timeline.ops;
  std::vector<OpId> path;
  OpId op;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (!op.exists() || ops[i].end > ops[op.index()].end) op = make_id<OpId>(i);
  }
  for (; op.exists(); op = simulation.cause[op.index()]) path.push_back(op);
  std::reverse(path.begin(), path.end());
  return path;
}

Lane busiest_lane(const Simulation& simulation) {
  const auto most = std::max_element(simulation.busy.begin(), simulation.busy.end());
  return static_cast<Lane>(most - simulation.busy.begin());
}

}  // namespace longhaul
