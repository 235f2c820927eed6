// What the ops of a schedule take: seconds alone, and shares of what several lanes use at once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "longhaul/core/dtype.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/hardware/profile.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

// What several lanes use at once.
enum class Resource : std::uint8_t { kLink, kDisk, kHostMemory, kCores };
inline constexpr std::size_t kResourceCount = 4;
const char* name_of(Resource resource);

struct OpCost {
  Seconds alone;
  // Of each resource, while the op runs at full speed: the share of its capacity.
  std::array<float, kResourceCount> demand{};
};

// One cost per op of a schedule.
struct OpCosts {
  std::vector<OpCost> ops;
  // What a resource yields while several ops use it, where one op alone gets 1: two directions of a
  // duplex link 2; reads and writes of a disk, whose times add, 1.
  std::array<double, kResourceCount> shared{2.0, 1.0, 1.0, 1.0};
};

// Seconds of nodes that were measured on the device; formulas fill in where there are none, and say
// how much longer or shorter another shape takes.
struct NodeSeconds {
  Seconds forward;
  Seconds backward;
};
struct ModelProfile {
  std::vector<std::optional<NodeSeconds>> nodes;  // [node]; empty: nothing was measured
  // At which shape.
  std::int64_t tokens = 0;    // of a micro-batch
  std::int64_t sequence = 0;  // of a sequence, on average
};

// What a run adds to the numbers of the machine.
struct CostRules {
  DType dtype = DType::kBF16;  // of parameters and activations
  std::int64_t sequence = 0;   // tokens of a sequence, which attention costs; 0: the micro-batch
  int compute_threads = 0;     // on a host device; 0: all cores
  int update_threads = 0;      // of the optimizer; 0: all cores
  Bytes disk_block = 1_MiB;    // of one request
  int disk_depth = 32;         // requests in flight per disk
};

class CostModel {
 public:
  // Copies what it needs. Throws InvalidArgument when the profile of the model is of another one.
  CostModel(const HardwareProfile& machine,
            const ModelGraph& graph,
            const BatchShape& shape,
            const CostRules& rules = {},
            const ModelProfile& measured = {});

  OpCost operator()(const Op& op) const;
  const std::array<double, kResourceCount>& shared() const { return shared_; }

 private:
  struct NodeTime {
    Seconds forward;
    Seconds backward;
    Bytes forward_bytes;
    Bytes backward_bytes;
    bool is_product = false;
    Bytes head_weight;
  };
  void use(const ModelProfile& measured,
           const ModelGraph& graph,
           BatchShape shape,
           CostRules rules);
  Seconds node_seconds(const ModelGraph& graph,
                       const Node& node,
                       const BatchShape& shape,
                       const CostRules& rules,
                       bool is_backward) const;
  OpCost compute(const Op& op) const;
  OpCost move(const Op& op, Bytes bytes) const;
  OpCost copy(const Op& op) const;
  OpCost update(const Op& op) const;
  OpCost on_host(Seconds alone, double bytes, double threads) const;

  MoveCurve device_bandwidth_;
  MoveCurve to_device_;
  MoveCurve to_host_;
  Seconds launch_;
  Seconds latency_;
  double host_bandwidth_;
  double updates_;         // parameters a second, on the host lane
  double device_updates_;  // the same on the compute lane of a host device
  double gradient_bytes_;  // of a parameter
  double cores_;
  double compute_threads_;
  double update_threads_;
  bool is_host_device_;
  std::optional<StorageRates> storage_;
  double disk_core_ = 0.0;  // of one core, while a transfer runs
  std::array<double, kResourceCount> shared_;
  std::vector<NodeTime> nodes_;
  ComputeRates compute_;
};

OpCosts op_costs(const Schedule& schedule, const CostModel& model);

}  // namespace longhaul
