// Adds ops to a schedule and finds their dependencies: an op waits for every earlier op that
// touched the same bytes where one of the two writes. Nothing in lowering names a dependency that
// follows from the data; what is named is only how far ahead transfers may run.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "longhaul/schedule/schedule.h"

namespace longhaul {

// Elements of a parameter; none stand for all of it.
struct ElementRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

// The elements of `range` within an operand that holds all of a parameter.
Operand part_of(const Operand& whole, const ElementRange& range, std::int64_t element_size);

// What a buffer is called, in parts: they are joined only where names are wanted.
struct BufferName {
  std::string_view before;
  std::string_view what;
  int micro_batch = -1;  // "x[3]"; -1: of none
  std::string_view after;
};

class Emitter {
 public:
  Emitter(Schedule& schedule, bool has_names) : schedule_(schedule), has_names_(has_names) {}

  BufferId add_buffer(const BufferName& name, Tier tier, Bytes size, bool is_persistent = false);
  BufferId add_buffer(std::string_view name, Tier tier, Bytes size, bool is_persistent = false) {
    return add_buffer(BufferName{.what = name}, tier, size, is_persistent);
  }
  Operand whole(BufferId buffer) const;

  // Also after the ops of `after`; ids that do not exist are passed over.
  OpId add(Op op, const std::vector<OpId>& after = {});
  // A copy on the lane that joins the two tiers. Not between disk and device.
  OpId copy(const Operand& from, const Operand& to, const std::vector<OpId>& after = {});

  // The next op of a lane waits for `before` too, so that what is under way stays bounded.
  void hold(Lane lane, OpId before) { held_[static_cast<std::size_t>(lane)].push_back(before); }

  // The op of a lane that was added last.
  OpId last(Lane lane) const { return last_[static_cast<std::size_t>(lane)]; }
  // The last copy to the host after which memory of the device is free that is worth waiting for.
  OpId last_leaving() const { return leaving_; }
  Schedule& schedule() { return schedule_; }

 private:
  static constexpr std::int32_t kNone = -1;
  struct Use {
    Bytes begin;
    Bytes end;
    OpId op;
    Lane lane;
    bool is_write;
    std::int32_t next = kNone;  // of the same buffer, in the order of ops
  };
  void note(const Operand& operand, bool is_write, OpId op, Lane lane);
  void collect(const Operand& operand, bool is_write);
  std::int32_t take_use();

  Schedule& schedule_;
  bool has_names_;
  std::vector<std::int32_t> uses_;  // [buffer]: the first one in the pool
  std::vector<Use> pool_;
  std::int32_t free_ = kNone;  // of the pool
  std::vector<OpId> after_;    // of the op that is being added
  std::array<OpId, kLaneCount> last_{};
  OpId leaving_;
  std::array<std::vector<OpId>, kLaneCount> held_;
};

// Slots of equal size that are taken in turn; whoever takes one waits for its last user.
class Ring {
 public:
  Ring(std::string name, Tier tier, Bytes slot, int slots)
      : name_(std::move(name)), tier_(tier), slot_(slot), slots_(slots) {}

  // `size` bytes of the next slot; the buffers are added when first used.
  Operand next(Emitter& emit, Bytes size);

 private:
  std::string name_;
  Tier tier_;
  Bytes slot_;
  int slots_;
  std::vector<BufferId> buffers_;
  std::size_t turn_ = 0;
};

}  // namespace longhaul
