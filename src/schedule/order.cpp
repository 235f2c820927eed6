#include "longhaul/schedule/order.h"

#include <algorithm>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::size_t index_of(Lane lane) {
  return static_cast<std::size_t>(lane);
}

struct Use {
  OpId op;
  Bytes begin;
  Bytes end;
  bool is_read;
  bool is_write;
};

// All uses of every buffer, in the order of ops.
std::vector<std::vector<Use>> uses_by_buffer(const Schedule& schedule) {
  std::vector<std::vector<Use>> uses(schedule.buffers().size());
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const Op& op = schedule.ops()[i];
    const auto note = [&](const Operand& operand, bool is_read, bool is_write) {
      if (!operand.exists()) return;
      uses[operand.buffer.index()].push_back(
          {make_id<OpId>(i), operand.offset, operand.offset + operand.size, is_read, is_write});
    };
    for (const Operand& operand : op.reads) note(operand, true, false);
    for (std::size_t w = 0; w < op.writes.size(); ++w) {
      note(op.writes[w], (op.accumulates >> w & 1U) != 0, true);
    }
    note(op.scratch, false, true);
  }
  return uses;
}

bool overlap(const Use& a, const Use& b) {
  return a.begin < b.end && b.begin < a.end;
}

}  // namespace

HappensBefore::HappensBefore(const Schedule& schedule) {
  const std::size_t count = schedule.ops().size();
  clocks_.resize(count);
  positions_.resize(count);
  lanes_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const OpId id = make_id<OpId>(i);
    const Lane lane = schedule[id].lane;
    Clock clock{};
    const auto join = [&](OpId before) {
      const Clock& other = clocks_[before.index()];
      for (std::size_t l = 0; l < kLaneCount; ++l) {
        clock[l] = std::max(clock[l], other[l]);
      }
      std::int32_t& own = clock[index_of(lanes_[before.index()])];
      own = std::max(own, positions_[before.index()] + 1);
    };
    std::vector<OpId>& on_lane = ops_[index_of(lane)];
    if (!on_lane.empty()) join(on_lane.back());
    for (const OpId before : schedule.after(id)) join(before);
    clocks_[i] = clock;
    lanes_[i] = lane;
    positions_[i] = static_cast<std::int32_t>(on_lane.size());
    on_lane.push_back(id);
  }
}

bool HappensBefore::operator()(OpId first, OpId second) const {
  return clocks_[second.index()][index_of(lanes_[first.index()])] > positions_[first.index()];
}

std::vector<std::string> find_races(const Schedule& schedule) {
  const HappensBefore is_before(schedule);
  std::vector<std::string> races;
  const auto uses = uses_by_buffer(schedule);
  for (std::size_t b = 0; b < uses.size(); ++b) {
    const Buffer& buffer = schedule.buffers()[b];
    bool is_written = buffer.is_persistent;
    for (std::size_t i = 0; i < uses[b].size(); ++i) {
      const Use& use = uses[b][i];
      if (use.is_read && !is_written) {
        races.push_back(
            concat(buffer.name, ": read before it is written by ", describe(schedule[use.op])));
      }
      is_written = is_written || use.is_write;
      for (std::size_t j = 0; j < i; ++j) {
        const Use& earlier = uses[b][j];
        const bool may_conflict = earlier.op != use.op && (earlier.is_write || use.is_write);
        if (!may_conflict || !overlap(earlier, use) || is_before(earlier.op, use.op)) continue;
        races.push_back(concat(buffer.name,
                               ": no order between ",
                               describe(schedule[earlier.op]),
                               " (op ",
                               earlier.op.value,
                               ") and ",
                               describe(schedule[use.op]),
                               " (op ",
                               use.op.value,
                               ")"));
      }
    }
  }
  return races;
}

void check(const Schedule& schedule) {
  const std::vector<std::string> races = find_races(schedule);
  if (races.empty()) return;
  throw InvalidArgument(
      concat("schedule: ", races.size(), " unordered uses, the first: ", races[0]));
}

}  // namespace longhaul
