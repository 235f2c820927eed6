#include "longhaul/train/state_store.h"

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

template <class T>
std::span<const std::byte> bytes_of(const T& values) {
  return std::as_bytes(std::span(values));
}

Bytes size_of_span(std::size_t bytes) {
  return Bytes{static_cast<std::int64_t>(bytes)};
}

}  // namespace

StateStore::StateStore(const ModelGraph& graph,
                       StateFormat format,
                       StateBuffers buffers,
                       const PlacedSchedule& placed,
                       Device& device)
    : graph_(graph), format_(std::move(format)), buffers_(std::move(buffers)), device_(device) {
  for (const std::vector<BufferId>& block : buffers_.streams) {
    offsets_.emplace_back();
    for (const BufferId buffer : block) {
      offsets_.back().push_back(placed.offsets[buffer.index()]);
    }
  }
}

void StateStore::read_master(TensorId parameter, std::span<float> master) {
  require_size(graph_, parameter, master.size());
  if (format_.weight() == DType::kF32) {
    device_.copy(reinterpret_cast<std::byte*>(master.data()),
                 address(parameter, 0),
                 size_of_span(master.size_bytes()));
    return;
  }
  std::vector<std::uint16_t> weight(master.size());
  std::vector<std::int16_t> remainder(master.size(), 0);
  const Bytes size = size_of_span(master.size() * 2);
  device_.copy(reinterpret_cast<std::byte*>(weight.data()), address(parameter, 0), size);
  if (graph_[parameter].is_trainable && format_.streams.size() > 1) {
    device_.copy(reinterpret_cast<std::byte*>(remainder.data()),
                 address(parameter, stream_index("remainder")),
                 size);
  }
  for (std::size_t i = 0; i < master.size(); ++i) {
    master[i] = std::bit_cast<float>(kernels::join_master(weight[i], remainder[i]));
  }
}

void StateStore::write_master(TensorId parameter, std::span<const float> master) {
  require_size(graph_, parameter, master.size());
  if (format_.weight() == DType::kF32) {
    device_.copy(address(parameter, 0),
                 reinterpret_cast<const std::byte*>(master.data()),
                 size_of_span(master.size_bytes()));
    return;
  }
  std::vector<std::uint16_t> weight(master.size());
  std::vector<std::int16_t> remainder(master.size());
  for (std::size_t i = 0; i < master.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(master[i]);
    weight[i] = kernels::master_weight(bits);
    remainder[i] = kernels::master_remainder(bits);
  }
  const Bytes size = size_of_span(master.size() * 2);
  device_.copy(address(parameter, 0), bytes_of(weight).data(), size);
  if (graph_[parameter].is_trainable && format_.streams.size() > 1) {
    device_.copy(address(parameter, stream_index("remainder")), bytes_of(remainder).data(), size);
  }
}

void StateStore::read_weight(TensorId parameter, std::span<std::byte> weight) {
  const auto element = static_cast<std::size_t>(size_of(format_.weight()));
  require_size(graph_, parameter, weight.size() / element);
  device_.copy(weight.data(), address(parameter, 0), size_of_span(weight.size()));
}

void StateStore::read_moment(TensorId parameter, const char* stream, std::span<float> values) {
  require_size(graph_, parameter, values.size());
  device_.copy(reinterpret_cast<std::byte*>(values.data()),
               address(parameter, stream_index(stream)),
               size_of_span(values.size_bytes()));
}

void StateStore::write_moment(TensorId parameter,
                              const char* stream,
                              std::span<const float> values) {
  require_size(graph_, parameter, values.size());
  device_.copy(address(parameter, stream_index(stream)),
               reinterpret_cast<const std::byte*>(values.data()),
               size_of_span(values.size_bytes()));
}

std::size_t StateStore::stream_index(const char* name) const {
  for (std::size_t s = 0; s < format_.streams.size(); ++s) {
    if (format_.streams[s].name == name) return s;
  }
  throw InvalidArgument(concat("StateStore: no stream ", name));
}

std::byte* StateStore::address(TensorId parameter, std::size_t stream) const {
  const std::size_t block = graph_[parameter].block.index();
  const ParameterSlot& slot = buffers_.layouts[block].slot(parameter);
  return device_.base(Tier::kDevice) + offsets_[block][stream].count +
         slot.offset * size_of(format_.streams[stream].dtype);
}

}  // namespace longhaul
