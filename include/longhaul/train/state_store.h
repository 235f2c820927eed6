// The states of a model wherever they live: (parameter, stream) to a range of a tier, read and
// written through the device. A new device's states are zero.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "longhaul/graph/model_graph.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/plan/lower.h"
#include "longhaul/runtime/device.h"
#include "longhaul/schedule/placement.h"

namespace longhaul {

class StateStore {
 public:
  // Keeps references to `graph` and `device`; copies the rest. `placed` places the state buffers.
  StateStore(const ModelGraph& graph,
             StateFormat format,
             StateBuffers buffers,
             const PlacedSchedule& placed,
             Device& device);

  const StateFormat& format() const { return format_; }

  // Writes zeros to what lies on disk; memory begins with them.
  void clear();

  // The fp32 value of a weight: exactly what the optimizer updates. [count] each.
  void read_master(TensorId parameter, std::span<float> master);
  // In bf16 the weight is the master's rounding of Law 1, and the remainder follows from it.
  void write_master(TensorId parameter, std::span<const float> master);

  // The weight as the device computes with it, in its dtype. Bytes: count * size_of(weight dtype).
  void read_weight(TensorId parameter, std::span<std::byte> weight);

  // fp32 moments by stream name ("momentum", "variance"); only of trainable parameters.
  void read_moment(TensorId parameter, const char* stream, std::span<float> values);
  void write_moment(TensorId parameter, const char* stream, std::span<const float> values);

 private:
  // Elements [first, first + count) of a stream, from `place` on.
  struct Range {
    std::int64_t first;
    std::int64_t count;
    Location place;
    std::optional<Location> second;  // of weights on the device: what is frozen is in both slots
  };
  struct Part;
  std::size_t stream_index(const char* name) const;
  template <class Visit>
  void visit(TensorId parameter, std::size_t stream, std::size_t bytes, const Visit& visit);
  void read(TensorId parameter, std::size_t stream, std::span<std::byte> to);
  void write(TensorId parameter, std::size_t stream, std::span<const std::byte> from);

  const ModelGraph& graph_;
  StateFormat format_;
  StateBuffers buffers_;
  std::vector<std::vector<std::vector<Range>>> ranges_;  // [block][stream]
  std::vector<std::optional<Location>> copies_;          // [block]: weights kept on the device
  Device& device_;
};

}  // namespace longhaul
