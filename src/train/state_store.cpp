#include "longhaul/train/state_store.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "longhaul/core/error.h"

#include "kernels/optim/master.h"

namespace longhaul {
namespace {

std::size_t element_index(const ModelGraph& graph, TensorId parameter) {
  return static_cast<std::size_t>(element_count(graph[parameter], {}));
}

void require_size(const ModelGraph& graph, TensorId parameter, std::size_t got) {
  const std::size_t expected = element_index(graph, parameter);
  require(got == expected,
          "StateStore: ",
          graph[parameter].name,
          ": got ",
          got,
          " elements, expected ",
          expected);
}

constexpr std::int64_t kClearChunk = std::int64_t{16} << 20;  // bytes

// The whole units of the disk store that hold `count` bytes from `offset` on of a range.
struct Units {
  Bytes begin;       // in the range
  std::size_t skip;  // bytes of the units before `offset`
  std::size_t size;

  Units(Bytes offset, std::size_t count, Bytes range)
      : begin{offset.count / kDiskUnit.count * kDiskUnit.count},
        skip(static_cast<std::size_t>((offset - begin).count)),
        size(static_cast<std::size_t>(
            std::min(round_up(static_cast<std::int64_t>(skip + count), kDiskUnit.count),
                     (range - begin).count))) {}
};

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace

StateStore::StateStore(const ModelGraph& graph,
                       StateFormat format,
                       StateBuffers buffers,
                       const PlacedSchedule& placed,
                       Device& device)
    : graph_(graph), format_(std::move(format)), buffers_(std::move(buffers)), device_(device) {
  const auto place_of = [&](BufferId buffer) {
    return Location{placed.schedule[buffer].tier, placed.offsets[buffer.index()]};
  };
  for (std::size_t b = 0; b < buffers_.streams.size(); ++b) {
    auto& block = ranges_.emplace_back();
    for (const std::vector<StatePiece>& pieces : buffers_.streams[b]) {
      std::vector<Range>& ranges = block.emplace_back();
      for (const StatePiece& piece : pieces) {
        Range& range = ranges.emplace_back(Range{piece.first, piece.count, place_of(piece.buffer)});
        const bool is_on_device = range.place.tier == Tier::kDevice;
        if (is_on_device && piece.second.exists()) range.second = place_of(piece.second);
      }
    }
    const BufferId copy = buffers_.weight_copies[b];
    copies_.push_back(copy.exists() ? std::optional(place_of(copy)) : std::nullopt);
  }
}

void StateStore::clear() {
  for (const auto& block : ranges_) {
    for (std::size_t s = 0; s < block.size(); ++s) {
      for (const Range& range : block[s]) {
        if (range.place.tier != Tier::kDisk) continue;  // arenas begin with zeros
        const std::int64_t size = range.count * size_of(format_.streams[s].dtype);
        const std::vector<std::byte> zeros(static_cast<std::size_t>(std::min(size, kClearChunk)));
        for (std::int64_t at = 0; at < size; at += kClearChunk) {
          const auto count = static_cast<std::size_t>(std::min(kClearChunk, size - at));
          device_.write({Tier::kDisk, range.place.offset + Bytes{at}}, {zeros.data(), count});
        }
      }
    }
  }
}

// --- any range of a stream, piece by piece

// Bytes [offset, offset + count) of a range; `at`: where they are in the caller's memory.
struct StateStore::Part {
  Location range;
  std::optional<Location> second;
  Bytes range_size;
  Bytes offset;
  std::size_t at;
  std::size_t count;

  Location place() const { return {range.tier, range.offset + offset}; }
};

template <class Visit>
void StateStore::visit(TensorId parameter,
                       std::size_t stream,
                       std::size_t bytes,
                       const Visit& visit) {
  const std::size_t block = graph_[parameter].block.index();
  const std::int64_t size = size_of(format_.streams[stream].dtype);
  const std::int64_t first = buffers_.layouts[block].slot(parameter).offset;
  const std::int64_t end = first + static_cast<std::int64_t>(bytes) / size;
  for (const Range& range : ranges_[block][stream]) {
    const std::int64_t begin = std::max(first, range.first);
    const std::int64_t stop = std::min(end, range.first + range.count);
    if (begin >= stop) continue;
    visit(Part{.range = range.place,
               .second = range.second,
               .range_size = Bytes{range.count * size},
               .offset = Bytes{(begin - range.first) * size},
               .at = static_cast<std::size_t>((begin - first) * size),
               .count = static_cast<std::size_t>((stop - begin) * size)});
  }
}

void StateStore::read(TensorId parameter, std::size_t stream, std::span<std::byte> to) {
  visit(parameter, stream, to.size(), [&](const Part& part) {
    const auto target = to.subspan(part.at, part.count);
    if (part.range.tier != Tier::kDisk) return device_.read(target, part.place());
    const Units units(part.offset, part.count, part.range_size);
    std::vector<std::byte> whole(units.size);
    device_.read(whole, {Tier::kDisk, part.range.offset + units.begin});
    std::memcpy(target.data(), whole.data() + units.skip, part.count);
  });
}

void StateStore::write(TensorId parameter, std::size_t stream, std::span<const std::byte> from) {
  visit(parameter, stream, from.size(), [&](const Part& part) {
    const auto source = from.subspan(part.at, part.count);
    if (part.second) device_.write({part.second->tier, part.second->offset + part.offset}, source);
    if (part.range.tier != Tier::kDisk) return device_.write(part.place(), source);
    const Units units(part.offset, part.count, part.range_size);
    const Location place{Tier::kDisk, part.range.offset + units.begin};
    std::vector<std::byte> whole(units.size);
    device_.read(whole, place);
    std::memcpy(whole.data() + units.skip, source.data(), part.count);
    device_.write(place, whole);
  });
  const std::size_t block = graph_[parameter].block.index();
  if (stream != 0 || !copies_[block]) return;
  const ParameterSlot& slot = buffers_.layouts[block].slot(parameter);
  const Bytes offset{slot.offset * size_of(format_.weight())};
  device_.write({copies_[block]->tier, copies_[block]->offset + offset}, from);
}

// --- masters and moments

void StateStore::read_master(TensorId parameter, std::span<float> master) {
  require_size(graph_, parameter, master.size());
  if (format_.weight() == DType::kF32) return read(parameter, 0, std::as_writable_bytes(master));
  std::vector<std::uint16_t> weight(master.size());
  std::vector<std::int16_t> remainder(master.size(), 0);
  read(parameter, 0, std::as_writable_bytes(std::span(weight)));
  if (graph_[parameter].is_trainable && format_.streams.size() > 1) {
    read(parameter, stream_index("remainder"), std::as_writable_bytes(std::span(remainder)));
  }
  for (std::size_t i = 0; i < master.size(); ++i) {
    master[i] = std::bit_cast<float>(kernels::join_master(weight[i], remainder[i]));
  }
}

void StateStore::write_master(TensorId parameter, std::span<const float> master) {
  require_size(graph_, parameter, master.size());
  if (format_.weight() == DType::kF32) return write(parameter, 0, std::as_bytes(master));
  std::vector<std::uint16_t> weight(master.size());
  std::vector<std::int16_t> remainder(master.size());
  for (std::size_t i = 0; i < master.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(master[i]);
    weight[i] = kernels::master_weight(bits);
    remainder[i] = kernels::master_remainder(bits);
  }
  write(parameter, 0, bytes_of(weight));
  if (graph_[parameter].is_trainable && format_.streams.size() > 1) {
    write(parameter, stream_index("remainder"), bytes_of(remainder));
  }
}

void StateStore::read_weight(TensorId parameter, std::span<std::byte> weight) {
  const auto element = static_cast<std::size_t>(size_of(format_.weight()));
  require_size(graph_, parameter, weight.size() / element);
  read(parameter, 0, weight);
}

void StateStore::read_moment(TensorId parameter, const char* stream, std::span<float> values) {
  require_size(graph_, parameter, values.size());
  read(parameter, stream_index(stream), std::as_writable_bytes(values));
}

void StateStore::write_moment(TensorId parameter,
                              const char* stream,
                              std::span<const float> values) {
  require_size(graph_, parameter, values.size());
  write(parameter, stream_index(stream), std::as_bytes(values));
}

std::size_t StateStore::stream_index(const char* name) const {
  for (std::size_t s = 0; s < format_.streams.size(); ++s) {
    if (format_.streams[s].name == name) return s;
  }
  throw InvalidArgument(concat("StateStore: no stream ", name));
}

}  // namespace longhaul
