#include "emitter.h"

#include <algorithm>
#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr Bytes kWorthWaiting = 64_KiB;

}  // namespace

Operand part_of(const Operand& whole, const ElementRange& range, std::int64_t element_size) {
  if (range.count == 0) return whole;
  return {whole.buffer,
          whole.offset + Bytes{range.first * element_size},
          Bytes{range.count * element_size}};
}

BufferId Emitter::add_buffer(const BufferName& name, Tier tier, Bytes size, bool is_persistent) {
  Buffer buffer{.tier = tier, .size = size, .is_persistent = is_persistent};
  if (has_names_) {
    buffer.name.append(name.before).append(name.what);
    if (name.micro_batch >= 0) buffer.name.append(concat('[', name.micro_batch, ']'));
    buffer.name.append(name.after);
  }
  return schedule_.add_buffer(std::move(buffer));
}

Operand Emitter::whole(BufferId buffer) const {
  return {buffer, {}, schedule_[buffer].size};
}

void Emitter::collect(const Operand& operand, bool is_write) {
  if (!operand.exists() || operand.buffer.index() >= uses_.size()) return;
  const Bytes end = operand.offset + operand.size;
  std::int32_t at = uses_[operand.buffer.index()];
  while (at != kNone) {
    const Use& use = pool_[static_cast<std::size_t>(at)];
    const bool is_conflict = is_write || use.is_write;
    if (is_conflict && use.begin < end && operand.offset < use.end) after_.push_back(use.op);
    at = use.next;
  }
}

// A write that covers earlier uses stands for them: whoever waits for it waits for them. Of equal
// reads on one lane the last stands for all.
void Emitter::note(const Operand& operand, bool is_write, OpId op, Lane lane) {
  if (!operand.exists()) return;
  if (uses_.size() <= operand.buffer.index()) uses_.resize(schedule_.buffers().size(), kNone);
  std::int32_t& first = uses_[operand.buffer.index()];
  const Use now{operand.offset, operand.offset + operand.size, op, lane, is_write};
  std::int32_t before = kNone;
  for (std::int32_t at = first; at != kNone;) {
    Use& use = pool_[static_cast<std::size_t>(at)];
    const std::int32_t next = use.next;
    const bool is_covered = now.begin <= use.begin && use.end <= now.end;
    if (is_covered && use.op != op && (is_write || (!use.is_write && use.lane == lane))) {
      (before == kNone ? first : pool_[static_cast<std::size_t>(before)].next) = next;
      use.next = std::exchange(free_, at);
    } else {
      before = at;
    }
    at = next;
  }
  const std::int32_t at = take_use();
  pool_[static_cast<std::size_t>(at)] = now;
  (before == kNone ? first : pool_[static_cast<std::size_t>(before)].next) = at;
}

// A free place of the pool.
std::int32_t Emitter::take_use() {
  if (free_ == kNone) {
    pool_.emplace_back();
    return static_cast<std::int32_t>(pool_.size() - 1);
  }
  return std::exchange(free_, pool_[static_cast<std::size_t>(free_)].next);
}

OpId Emitter::add(Op op, const std::vector<OpId>& after) {
  after_.assign(after.begin(), after.end());
  std::vector<OpId>& held = held_[static_cast<std::size_t>(op.lane)];
  after_.insert(after_.end(), held.begin(), held.end());
  held.clear();
  for (const Operand& read : op.reads) collect(read, false);
  for (const Operand& write : op.writes) collect(write, true);
  collect(op.scratch, true);
  const OpId id = schedule_.add(std::move(op), after_);
  const Op& added = schedule_[id];
  for (const Operand& read : added.reads) note(read, false, id, added.lane);
  for (const Operand& write : added.writes) note(write, true, id, added.lane);
  note(added.scratch, true, id, added.lane);
  last_[static_cast<std::size_t>(added.lane)] = id;
  return id;
}

OpId Emitter::copy(const Operand& from, const Operand& to, const std::vector<OpId>& after) {
  const Tier source = schedule_[from.buffer].tier;
  const Tier target = schedule_[to.buffer].tier;
  const bool skips_host = (source == Tier::kDisk && target == Tier::kDevice) ||
                          (source == Tier::kDevice && target == Tier::kDisk);
  require(!skips_host, "lower: no lane joins ", name_of(source), " and ", name_of(target));
  require(from.size == to.size && from.size.count > 0,
          "lower: a copy of ",
          from.size.count,
          " B to ",
          to.size.count,
          " B");
  Op op{.kind = OpKind::kCopy, .lane = lane_between(source, target)};
  op.reads = {from};
  op.writes = {to};
  const bool is_leaving =
      op.lane == Lane::kD2h && from.size >= kWorthWaiting && !schedule_[from.buffer].is_persistent;
  const OpId id = add(std::move(op), after);
  if (is_leaving) leaving_ = id;
  return id;
}

Operand Ring::next(Emitter& emit, Bytes size) {
  require(size <= slot_, name_, ": ", size.count, " B do not fit a slot of ", slot_.count, " B");
  const std::size_t slot = turn_++ % static_cast<std::size_t>(slots_);
  if (slot == buffers_.size()) {
    buffers_.push_back(emit.add_buffer(concat(name_, ", slot ", slot), tier_, slot_));
  }
  return {buffers_[slot], {}, size};
}

}  // namespace longhaul
