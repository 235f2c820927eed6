// What the binding of one op knows: the op, its addresses, the model and how to launch a kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "longhaul/core/error.h"
#include "longhaul/graph/block_layout.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/runtime/executor.h"

#include "kernels/attention/causal_attention.h"
#include "kernels/table.h"
#include "product.h"

namespace longhaul {

struct Binding {
  const ModelGraph& graph;
  const StateFormat& format;
  const BatchShape& shape;
  const kernels::KernelTable& kernels;
  const Op& op;
  const OpAddresses& addresses;
  Device& device;

  std::byte* read(std::size_t i) const { return addresses.reads[i]; }
  std::byte* write(std::size_t i) const { return addresses.writes[i]; }
  template <class T>
  const T* read_as(std::size_t i) const {
    return reinterpret_cast<const T*>(addresses.reads[i]);
  }
  template <class T>
  T* write_as(std::size_t i) const {
    return reinterpret_cast<T*>(addresses.writes[i]);
  }
  template <class T>
  T* scratch_as() const {
    return reinterpret_cast<T*>(addresses.scratch);
  }
  bool accumulates(std::size_t i) const { return (op.accumulates >> i & 1U) != 0; }
  void refuse_accumulation() const {
    require(op.accumulates == 0, describe(op), ": no body that adds to a gradient");
  }

  const Node& node() const { return graph[op.node]; }
  DType dtype() const { return format.weight(); }  // of weights and activations
  ThreadPool& pool() const { return device.pool(op.lane); }
  kernels::Launch launch() const { return {&device.pool(op.lane), device.stream(op.lane)}; }
  // Splits [offset, end) of the scratch among the threads of the compute lane.
  WorkerScratch worker_scratch(std::int64_t offset = 0) const {
    const std::int64_t share = (addresses.scratch_size.count - offset) / pool().size();
    return {addresses.scratch + offset, Bytes{share / 64 * 64}};
  }
};

// A body that calls one kernel with fixed arguments.
template <class Arguments>
OpBody call(const Binding& b, kernels::Kernel<Arguments> kernel, const Arguments& arguments) {
  check(arguments);
  return [kernel, arguments, launch = b.launch()] { kernel(arguments, launch); };
}

// One after the other.
OpBody in_order(std::vector<OpBody> bodies);

OpBody bind_forward(const Binding& b);
OpBody bind_backward(const Binding& b);
OpBody bind_prefill(const Binding& b);
OpBody bind_decode(const Binding& b);
OpBody bind_head_loss(const Binding& b);
OpBody bind_head_statistics(const Binding& b);
OpBody bind_head_gradient(const Binding& b);
OpBody bind_sum_losses(const Binding& b);
OpBody bind_logits(const Binding& b);
OpBody bind_fill(const Binding& b);
OpBody bind_accumulate(const Binding& b);
OpBody bind_round(const Binding& b);
OpBody bind_gradient_norm(const Binding& b);
OpBody bind_clip(const Binding& b);
OpBody bind_update(const Binding& b);

// Arguments of attention over the segments of a micro-batch: `pointers`, with the shape and options
// of the node.
kernels::CausalAttentionForward attention_arguments(const Binding& b,
                                                    kernels::CausalAttentionForward pointers);

}  // namespace longhaul
