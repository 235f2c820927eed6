#include "updates.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"

#include "state_buffers.h"

namespace longhaul {
namespace {

// The part of `range` that holds elements [first, first + count).
Operand part(const Operand& range, std::int64_t first, std::int64_t count, DType dtype) {
  const std::int64_t size = size_of(dtype);
  return {range.buffer, range.offset + Bytes{first * size}, Bytes{count * size}};
}

}  // namespace

Updates::Updates(const ModelGraph& graph,
                 const StateFormat& format,
                 const Plan& plan,
                 LoweredPass& pass,
                 Emitter& emit)
    : graph_(graph), format_(format), plan_(plan), pass_(pass), emit_(emit) {
  for (const Tier tier : {Tier::kDevice, Tier::kHost}) {
    for (std::size_t s = 0; s <= format.streams.size(); ++s) {
      const bool is_gradient = s == format.streams.size();
      const DType dtype = is_gradient ? format.transport() : format.streams[s].dtype;
      const std::string name = is_gradient ? "gradient" : format.streams[s].name;
      rings_[static_cast<std::size_t>(tier)].emplace_back(
          concat("staging of ", name, " on ", name_of(tier)),
          tier,
          Bytes{plan.chunk * size_of(dtype)},
          plan.staging);
    }
  }
}

Ring& Updates::ring(std::size_t stream, Tier tier) {
  return rings_[static_cast<std::size_t>(tier)][stream];
}

// --- scalars

void Updates::prepare() {
  const Bytes size{sizeof(StepResults)};
  scalars = emit_.whole(emit_.add_buffer("update scalars", Tier::kHost, Bytes{kUpdateScalarsSize}));
  Op op{.kind = OpKind::kClip, .lane = Lane::kHost};
  op.reads = {emit_.whole(pass_.scalars)};
  op.writes = {emit_.whole(emit_.add_buffer("unused results", Tier::kHost, size)), scalars};
  emit_.add(std::move(op));
}

void Updates::clip(const std::vector<Operand>& norms) {
  const BufferId pending = pass_.states.pending_scalars;
  scalars = pending.exists() ? emit_.whole(pending)
                             : emit_.whole(emit_.add_buffer(
                                   "clipped scalars", Tier::kHost, Bytes{kUpdateScalarsSize}));
  Op op{.kind = OpKind::kClip, .lane = Lane::kHost};
  op.reads = {emit_.whole(pass_.scalars)};
  op.reads.insert(op.reads.end(), norms.begin(), norms.end());
  op.writes = {emit_.whole(pass_.results), scalars};
  op.accumulates = 1;  // the loss is there
  emit_.add(std::move(op));
}

Operand Updates::scalars_on(Tier tier) {
  if (tier == Tier::kHost) return scalars;
  for (const auto& [host, device] : uploaded_) {
    if (host == scalars.buffer) return device;
  }
  const Operand device =
      emit_.whole(emit_.add_buffer("update scalars, uploaded", Tier::kDevice, scalars.size));
  emit_.copy(scalars, device);
  uploaded_.emplace_back(scalars.buffer, device);
  return device;
}

// --- moving states

Operand Updates::bring(const Operand& from,
                       Tier to,
                       std::size_t stream,
                       const std::vector<OpId>& after) {
  const Tier tier = emit_.schedule()[from.buffer].tier;
  if (tier == to) return from;
  Operand here = from;
  if (tier == Tier::kDisk) {
    here = ring(stream, Tier::kHost).next(emit_, from.size);
    emit_.copy(from, here, after);
    if (to == Tier::kHost) return here;
  }
  const Operand there = ring(stream, to).next(emit_, from.size);
  emit_.copy(here, there, after);
  return there;
}

OpId Updates::take_home(const Operand& from, const Operand& home, std::size_t stream) {
  const Tier tier = emit_.schedule()[home.buffer].tier;
  if (tier != Tier::kDisk || emit_.schedule()[from.buffer].tier != Tier::kDevice) {
    return emit_.copy(from, home);
  }
  const Operand slot = ring(stream, Tier::kHost).next(emit_, from.size);
  emit_.copy(from, slot);
  return emit_.copy(slot, home);
}

// --- a block

void Updates::update(BlockId block, const Operand& gradient, const Operand& weights) {
  const auto& streams = pass_.states.streams[block.index()];
  const std::int64_t trainable = pass_.states.layouts[block.index()].trainable;
  for (std::int64_t first = 0; first < trainable;) {
    std::int64_t count = std::min(plan_.chunk, trainable - first);
    for (std::size_t s = 0; s < streams.size(); ++s) {
      const DType dtype = format_.streams[s].dtype;
      count = operand_of(streams[s], first, count, dtype).size.count / size_of(dtype);
    }
    last_ = update_chunk({block, first, count}, gradient, weights);
    first += count;
  }
}

OpId Updates::update_chunk(const Chunk& chunk, const Operand& gradient, const Operand& weights) {
  const BlockPlan& how = plan_.of(graph_[chunk.block]);
  std::vector<OpId> after;
  if (plan_.order != UpdateOrder::kOptimized) after.push_back(last_);
  if (plan_.order == UpdateOrder::kSerial) after.push_back(emit_.last(Lane::kCompute));

  Op op{.kind = OpKind::kUpdate,
        .lane = how.update_on == Tier::kHost ? Lane::kHost : Lane::kCompute,
        .block = chunk.block,
        .first_element = chunk.first};
  const Operand sent = part(gradient, chunk.first, chunk.count, format_.transport());
  op.reads = {bring(sent, how.update_on, format_.streams.size(), after), scalars_on(how.update_on)};
  std::vector<Operand> homes;
  for (std::size_t s = 0; s < format_.streams.size(); ++s) {
    const auto& pieces = pass_.states.streams[chunk.block.index()][s];
    homes.push_back(operand_of(pieces, chunk.first, chunk.count, format_.streams[s].dtype));
    const bool is_here =
        s == 0 && weights.exists() && emit_.schedule()[homes[s].buffer].tier == Tier::kDisk;
    op.writes.push_back(is_here ? part(weights, chunk.first, chunk.count, format_.weight())
                                : bring(homes[s], how.update_on, s, after));
    op.accumulates |= 1U << s;
  }
  const std::vector<Operand> results = op.writes;
  OpId last = emit_.add(std::move(op), after);
  const BufferId copy = pass_.states.weight_copies[chunk.block.index()];
  if (copy.exists()) {
    const Operand target = part(emit_.whole(copy), chunk.first, chunk.count, format_.weight());
    emit_.copy(results[0], target);
  }
  for (std::size_t s = 0; s < homes.size(); ++s) {
    if (results[s].buffer != homes[s].buffer) last = take_home(results[s], homes[s], s);
  }
  return last;
}

}  // namespace longhaul
