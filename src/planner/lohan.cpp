#include "longhaul/planner/lohan.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/graph/backward.h"
#include "longhaul/graph/cost.h"

namespace longhaul {
namespace {

// Bytes of a parameter: the 16-bit weight; all states that are read and written (P32, OS32, P16).
constexpr double kWeight = 2.0;
constexpr double kStates = 14.0;

// Large enough that no rate of a curve is that of a small amount.
constexpr Bytes kLargeCopy = 256_MiB;
constexpr Flops kLargeProduct{1e15};

double benefit(const SwapLayer& layer) {
  return layer.flops.count / static_cast<double>(layer.bytes.count);
}

bool contains(const std::vector<TensorId>& list, TensorId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

}  // namespace

LohanProfile lohan_profile(const HardwareProfile& machine, Bytes host_free) {
  const StorageRates disks = storage_rates(machine.storage, 1_MiB, 32);
  return {.forward = kLargeProduct / time_of(machine.device.bf16.products, kLargeProduct),
          .backward = kLargeProduct / time_of(machine.device.bf16.products_backward, kLargeProduct),
          .link = kLargeCopy / time_of(machine.link.to_host, kLargeCopy),
          .disk_read = disks.read,
          .disk_write = disks.write,
          .host_free = host_free};
}

LohanProfile lohan_published_profile() {
  return {.forward = {145e12},
          .backward = {145e12},
          .link = {21e9},
          .disk_read = {21e9},
          .disk_write = {21e9},
          .host_free = 512_GiB};
}

LohanWork lohan_work(const ModelGraph& graph, const BatchShape& shape) {
  LohanWork work{.parameters = static_cast<double>(parameter_count(graph))};
  std::vector<char> is_block_input(graph.tensors.size(), 0);
  for (const Node& node : graph.nodes) {
    work.forward += forward_cost(graph, node, shape).flops;
    for (const TensorId id : node.inputs) {
      const bool is_foreign =
          graph[id].kind == TensorKind::kActivation && graph[id].block != node.block;
      if (!is_foreign || is_block_input[id.index()] != 0) continue;
      is_block_input[id.index()] = 1;
      work.block_inputs += byte_count(graph[id], shape);
    }
  }
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    std::vector<TensorId> inputs;
    const std::vector<TensorId> saved = saved_tensors(graph, block);
    for (const TensorId id : saved) {
      if (is_block_input[id.index()] != 0) inputs.push_back(id);
    }
    for (const NodeId id : recompute_closure(graph, block, inputs)) {
      const Node& node = graph[id];
      const Flops flops = forward_cost(graph, node, shape).flops;
      work.again += flops;
      const TensorId result = node.outputs.front();
      if (!contains(saved, result)) continue;
      work.layers.push_back({result, byte_count(graph[result], shape), flops});
    }
  }
  work.forward = work.forward * shape.micro_batches;
  work.again = work.again * shape.micro_batches;
  work.block_inputs = work.block_inputs * shape.micro_batches;
  for (SwapLayer& layer : work.layers) {
    layer.bytes = layer.bytes * shape.micro_batches;
    layer.flops = layer.flops * shape.micro_batches;
  }
  return work;
}

SwapDecision lohan_step(const LohanWork& work,
                        const LohanProfile& profile,
                        Bytes swapped,
                        Flops recomputed) {
  const auto count = [](double parameters, double each) {
    return Bytes{static_cast<std::int64_t>(parameters * each)};
  };
  const Bytes weights = count(work.parameters, kWeight);
  const Bytes states = count(work.parameters, kStates);
  SwapDecision step{.swapped = swapped,
                    .on_disk = std::max(Bytes{}, swapped - profile.host_free),
                    .recomputed = recomputed};
  step.forward = std::max({work.forward / profile.forward,
                           swapped / profile.link,
                           weights / profile.link,
                           weights / profile.disk_read + step.on_disk / profile.disk_write});
  step.backward =
      std::max({(work.forward * 2.0) / profile.backward + recomputed / profile.forward,
                (weights + swapped) / profile.link,
                (states + step.on_disk) / profile.disk_read + states / profile.disk_write});
  return step;
}

SwapDecision choose_swap(const LohanWork& work, const LohanProfile& profile) {
  require(work.parameters > 0.0, "choose_swap: got a model without parameters");
  std::vector<SwapLayer> layers = work.layers;
  std::stable_sort(layers.begin(), layers.end(), [](const SwapLayer& a, const SwapLayer& b) {
    return benefit(a) > benefit(b);
  });
  SwapDecision best = lohan_step(work, profile, work.block_inputs, work.again);
  std::vector<TensorId> tensors;
  std::size_t taken = 0;
  for (const SwapLayer& layer : layers) {
    const Flops left{std::max(0.0, best.recomputed.count - layer.flops.count)};
    const SwapDecision next = lohan_step(work, profile, best.swapped + layer.bytes, left);
    if (next.forward + next.backward >= best.forward + best.backward) break;
    best = next;
    tensors.push_back(layer.tensor);
    ++taken;
  }
  best.which = taken == 0               ? SwapCase::kFloor
               : taken == layers.size() ? SwapCase::kAll
                                        : SwapCase::kInterior;
  best.tensors = std::move(tensors);
  return best;
}

}  // namespace longhaul
