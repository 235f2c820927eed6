// A schedule and what its ops do, written down together.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "longhaul/runtime/executor.h"

namespace longhaul::test {

class Script final : public OpTable {
 public:
  using Action = std::function<void(Device&, Lane, const OpAddresses&)>;

  // Buffers are persistent: what a pass leaves in them can be looked at.
  BufferId buffer(Tier tier, Bytes size) {
    return schedule_.add_buffer(
        {"buffer " + std::to_string(schedule_.buffers().size()), tier, size, true});
  }
  // An op whose first write and first read, if they exist, are whole buffers.
  OpId add(
      Lane lane, BufferId write, BufferId read, Action action, std::span<const OpId> after = {}) {
    Op op{.kind = OpKind::kForward,
          .lane = lane,
          .node = NodeId{static_cast<int>(actions_.size())},
          .block = BlockId{static_cast<int>(actions_.size()) / 4}};
    actions_.push_back(std::move(action));
    if (read.exists()) op.reads = {whole(read)};
    if (write.exists()) op.writes = {whole(write)};
    return schedule_.add(std::move(op), after);
  }
  OpId copy(Lane lane, BufferId to, BufferId from, std::span<const OpId> after = {}) {
    Op op{.kind = OpKind::kCopy, .lane = lane};
    op.reads = {whole(from)};
    op.writes = {whole(to)};
    return schedule_.add(std::move(op), after);
  }
  const Schedule& schedule() const { return schedule_; }

  OpBody bind(const Op& op, const OpAddresses& addresses, Device& device) const override {
    return [&action = actions_[op.node.index()], &device, lane = op.lane, addresses] {
      if (action) action(device, lane, addresses);
    };
  }

 private:
  Operand whole(BufferId buffer) const { return {buffer, {}, schedule_[buffer].size}; }

  Schedule schedule_;
  std::vector<Action> actions_;
};

}  // namespace longhaul::test
