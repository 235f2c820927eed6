#include "updates.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/graph/run_rules.h"
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

Operand Updates::prepare() {
  const Bytes size{sizeof(StepResults)};
  const Operand scalars =
      emit_.whole(emit_.add_buffer("update scalars", Tier::kHost, Bytes{kUpdateScalarsSize}));
  Op op{.kind = OpKind::kClip, .lane = Lane::kHost};
  op.reads = {emit_.whole(pass_.scalars)};
  op.writes = {emit_.whole(emit_.add_buffer("unused results", Tier::kHost, size)), scalars};
  emit_.add(std::move(op));
  return scalars;
}

Operand Updates::clip(const std::vector<Operand>& norms) {
  const BufferId pending = pass_.states.pending_scalars;
  const Operand scalars = pending.exists()
                              ? emit_.whole(pending)
                              : emit_.whole(emit_.add_buffer(
                                    "clipped scalars", Tier::kHost, Bytes{kUpdateScalarsSize}));
  Op op{.kind = OpKind::kClip, .lane = Lane::kHost};
  op.reads = {emit_.whole(pass_.scalars)};
  for (const Operand& norm : norms) op.reads.push_back(norm);
  op.writes = {emit_.whole(pass_.results), scalars};
  op.accumulates = 1;  // the loss is there
  emit_.add(std::move(op));
  return scalars;
}

Operand Updates::scalars_on(const Operand& scalars, Tier tier) {
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

std::int64_t Updates::add(const Update& update, std::int64_t first, std::int64_t until) {
  const auto& streams = pass_.states.streams[update.block.index()];
  while (first < until) {
    std::int64_t count = std::min(plan_.chunk, update.end - first);
    for (std::size_t s = 0; s < streams.size(); ++s) {
      const DType dtype = format_.streams[s].dtype;
      count = operand_of(streams[s], first, count, dtype).size.count / size_of(dtype);
    }
    last_ = update_chunk(update, {first, count});
    first += count;
  }
  return first;
}

Updates::Range Updates::range_of(const Update& update,
                                 const Chunk& chunk,
                                 std::size_t stream,
                                 const std::vector<OpId>& after) {
  const auto& pieces = pass_.states.streams[update.block.index()][stream];
  const DType dtype = format_.streams[stream].dtype;
  const Tier tier = plan_.of(graph_[update.block]).update_on;
  Range range{.from = operand_of(pieces, chunk.first, chunk.count, dtype), .here = {}, .home = {}};
  range.home =
      update.is_speculative ? second_of(pieces, chunk.first, chunk.count, dtype) : range.from;
  const Tier from = emit_.schedule()[range.from.buffer].tier;
  if (stream == 0 && update.weights.exists() && from == Tier::kDisk) {
    range.from = range.here = part(update.weights, chunk.first, chunk.count, dtype);
  } else if (from == tier) {
    range.here = range.home;
  } else {
    range.from = range.here = bring(range.from, tier, stream, after);
  }
  return range;
}

// By the ops of a chunk.
std::vector<OpId> Updates::awaited() const {
  switch (plan_.order) {
    case UpdateOrder::kSerial: return {last_, emit_.last(Lane::kCompute)};
    case UpdateOrder::kNaive: return {last_};
    default: return {};
  }
}

OpId Updates::update_chunk(const Update& update, const Chunk& chunk) {
  const Tier tier = plan_.of(graph_[update.block]).update_on;
  const std::vector<OpId> after = awaited();
  Op op{.kind = OpKind::kUpdate,
        .lane = tier == Tier::kHost ? Lane::kHost : Lane::kCompute,
        .block = update.block,
        .first_element = chunk.first};
  const Operand gradient =
      part(update.gradient, chunk.first - update.first, chunk.count, format_.transport());
  op.reads = {bring(gradient, tier, format_.streams.size(), after),
              scalars_on(update.scalars, tier)};
  std::vector<Range> ranges;
  for (std::size_t s = 0; s < format_.streams.size(); ++s) {
    ranges.push_back(range_of(update, chunk, s, after));
    const bool is_in_place = ranges[s].from.buffer == ranges[s].here.buffer;
    op.reads.push_back(is_in_place ? Operand{} : ranges[s].from);
    op.writes.push_back(ranges[s].here);
    if (is_in_place) op.accumulates |= 1U << s;
  }
  if (update.norm.exists()) {
    const std::int64_t end = chunk.first + chunk.count;
    const std::int64_t beyond = std::min(kNormChunkElements, update.end - end);
    op.reads.push_back(beyond > 0
                           ? part(update.gradient, end - update.first, beyond, format_.transport())
                           : Operand{});
    if (chunk.first > update.first) op.accumulates |= 1U << op.writes.size();
    op.writes.push_back(update.norm);
  }
  OpId last = emit_.add(std::move(op), after);
  const BufferId copy = pass_.states.weight_copies[update.block.index()];
  if (copy.exists()) {
    const Operand target = part(emit_.whole(copy), chunk.first, chunk.count, format_.weight());
    emit_.copy(ranges[0].here, target);
  }
  if (is_late_home()) send_home();
  for (std::size_t s = 0; s < ranges.size(); ++s) {
    if (ranges[s].here.buffer == ranges[s].home.buffer) continue;
    if (is_late_home()) {
      homeward_.push_back({update.block, ranges[s].here, ranges[s].home, s});
    } else {
      last = take_home(ranges[s].here, ranges[s].home, s);
    }
  }
  return last;
}

void Updates::send_home() {
  for (const Homeward& one : homeward_) take_home(one.here, one.home, one.stream);
  homeward_.clear();
}

void Updates::send_home(BlockId block) {
  if (!homeward_.empty() && homeward_.front().block == block) send_home();
}

}  // namespace longhaul
