#include "lives.h"

#include <algorithm>
#include <iterator>

namespace longhaul {

std::vector<Life> lives_of(const Schedule& schedule, const HappensBefore& order) {
  std::vector<Life> lives(schedule.buffers().size());
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const Op& op = schedule.ops()[i];
    const OpId id = make_id<OpId>(i);
    const auto note = [&](const Operand& operand) {
      if (!operand.exists()) return;
      Life& life = lives[operand.buffer.index()];
      if (!life.is_used()) {
        life.first = id;
        life.begin.fill(INT32_MAX);
      }
      life.last = id;
      life.end[static_cast<std::size_t>(op.lane)] = order.position(id) + 1;
      for (std::size_t l = 0; l < kLaneCount; ++l) {
        life.begin[l] = std::min(life.begin[l], order.seen(id)[l]);
      }
    };
    std::for_each(op.reads.begin(), op.reads.end(), note);
    std::for_each(op.writes.begin(), op.writes.end(), note);
    note(op.scratch);
  }
  return lives;
}

SpanOf::SpanOf(const Schedule& schedule, const HappensBefore& order) : order_(order) {
  for (const Op& op : schedule.ops()) {
    const auto note = [&](const Operand& operand) {
      if (!operand.exists()) return;
      touches_[static_cast<std::size_t>(schedule[operand.buffer].tier)]
              [static_cast<std::size_t>(op.lane)] = true;
    };
    std::for_each(op.reads.begin(), op.reads.end(), note);
    std::for_each(op.writes.begin(), op.writes.end(), note);
    note(op.scratch);
  }
}

Span SpanOf::operator()(const Life& life, Tier tier) const {
  Span span{life.first.index(), life.last.index()};
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    if (!touches_[static_cast<std::size_t>(tier)][l]) continue;
    const std::vector<OpId>& lane = order_.lane(static_cast<Lane>(l));
    const auto begin = static_cast<std::size_t>(life.begin[l]);
    if (begin < lane.size()) span.first = std::min(span.first, lane[begin].index());
    // The first op of the lane that knows of the end of this life.
    const auto after = std::partition_point(lane.begin(), lane.end(), [&](OpId op) {
      const HappensBefore::Clock& seen = order_.seen(op);
      for (std::size_t k = 0; k < kLaneCount; ++k) {
        if (life.end[k] > seen[k]) return true;
      }
      return false;
    });
    if (after != lane.begin()) span.last = std::max(span.last, std::prev(after)->index());
  }
  return span;
}

}  // namespace longhaul
