#include "longhaul/schedule/schedule.h"

#include <algorithm>
#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {

const char* name_of(Lane lane) {
  static constexpr std::array<const char*, kLaneCount> kNames{
      "compute", "h2d", "d2h", "host", "disk_read", "disk_write"};
  return kNames.at(static_cast<std::size_t>(lane));
}

const char* name_of(Tier tier) {
  static constexpr std::array<const char*, kTierCount> kNames{"device", "host", "disk"};
  return kNames.at(static_cast<std::size_t>(tier));
}

Lane lane_between(Tier from, Tier to) {
  if (from == Tier::kDisk) return Lane::kDiskRead;
  if (to == Tier::kDisk) return Lane::kDiskWrite;
  if (from == Tier::kDevice) return to == Tier::kDevice ? Lane::kCompute : Lane::kD2h;
  return to == Tier::kDevice ? Lane::kH2d : Lane::kHost;
}

const char* name_of(OpKind kind) {
  switch (kind) {
    case OpKind::kCopy: return "copy";
    case OpKind::kFill: return "fill";
    case OpKind::kForward: return "forward";
    case OpKind::kBackward: return "backward";
    case OpKind::kHeadLoss: return "head and loss";
    case OpKind::kHeadStatistics: return "head statistics";
    case OpKind::kHeadGradient: return "head gradient";
    case OpKind::kSumLosses: return "sum of losses";
    case OpKind::kAccumulate: return "accumulate";
    case OpKind::kRound: return "round gradient";
    case OpKind::kGradientNorm: return "gradient norm";
    case OpKind::kClip: return "clip";
    case OpKind::kUpdate: return "update";
    case OpKind::kPrefill: return "prefill";
    case OpKind::kDecode: return "decode";
    case OpKind::kLogits: return "logits";
  }
  return "unknown";
}

void Schedule::reserve(std::size_t ops, std::size_t buffers) {
  ops_.reserve(ops);
  after_.reserve(ops);
  buffers_.reserve(buffers);
}

BufferId Schedule::add_buffer(Buffer buffer) {
  require(buffer.size.count >= 0, buffer.name, ": got a size of ", buffer.size.count, " B");
  buffers_.push_back(std::move(buffer));
  return make_id<BufferId>(buffers_.size() - 1);
}

OpId Schedule::add(Op op, std::span<const OpId> after) {
  const OpId id = make_id<OpId>(ops_.size());
  for (const Operand& operand : op.reads) check_operand(op, operand);
  for (const Operand& operand : op.writes) check_operand(op, operand);
  check_operand(op, op.scratch);
  if (op.writes.size() > 32) {
    throw InvalidArgument(
        concat(describe(op), ": got ", op.writes.size(), " writes, expected <= 32"));
  }
  ops_.push_back(std::move(op));
  after_.emplace_back();
  for (const OpId before : after) {
    if (before.exists()) add_dependency(id, before);
  }
  return id;
}

// The words are made only when they are needed: a schedule has many ops.
void Schedule::check_operand(const Op& op, const Operand& operand) const {
  if (!operand.exists()) return;
  if (operand.buffer.index() >= buffers_.size()) {
    throw InvalidArgument(concat(describe(op), ": no buffer ", operand.buffer.value));
  }
  const Buffer& buffer = buffers_[operand.buffer.index()];
  if (operand.offset.count >= 0 && operand.size.count >= 0 &&
      operand.offset + operand.size <= buffer.size) {
    return;
  }
  throw InvalidArgument(concat(describe(op),
                               ": [",
                               operand.offset.count,
                               ", +",
                               operand.size.count,
                               ") B reaches beyond ",
                               buffer.name,
                               " of ",
                               buffer.size.count,
                               " B"));
}

void Schedule::add_dependency(OpId op, OpId before) {
  require(op.exists() && op.index() < ops_.size() && before.exists() && before < op,
          "Schedule: op ",
          op.value,
          " cannot wait for op ",
          before.value);
  const Lane lane = ops_[before.index()].lane;
  if (lane == ops_[op.index()].lane) return;  // the lane's order already says so
  After& after = after_[op.index()];
  for (std::size_t i = 0; i < after.count; ++i) {
    OpId& known = after.ops[i];
    if (ops_[known.index()].lane != lane) continue;
    known = std::max(known, before);
    return;
  }
  after.ops[after.count++] = before;
}

Schedule Schedule::without_dependency(OpId op, OpId before) const {
  Schedule copy = *this;
  After& after = copy.after_[op.index()];
  const auto end = after.ops.begin() + after.count;
  const auto found = std::find(after.ops.begin(), end, before);
  require(found != end, "Schedule: op ", op.value, " does not wait for ", before.value);
  std::copy(found + 1, end, found);
  --after.count;
  return copy;
}

std::array<Bytes, kLaneCount> bytes_moved(const Schedule& schedule) {
  std::array<Bytes, kLaneCount> moved{};
  for (const Op& op : schedule.ops()) {
    if (op.kind == OpKind::kCopy) moved[static_cast<std::size_t>(op.lane)] += op.reads[0].size;
  }
  return moved;
}

std::string describe(const Op& op, const std::vector<std::string>& node_names) {
  std::string text = name_of(op.kind);
  if (op.node.exists() && op.node.index() < node_names.size()) {
    text += " " + node_names[op.node.index()];
  } else if (op.node.exists()) {
    text += concat(" node ", op.node.value);
  }
  if (op.block.exists()) text += concat(" of block ", op.block.value);
  if (op.micro_batch >= 0) text += concat(" (micro-batch ", op.micro_batch, ")");
  return text + concat(" on lane ", name_of(op.lane));
}

}  // namespace longhaul
