#include "longhaul/ops/op_table.h"

#include <c10/core/InferenceMode.h>

#include "longhaul/ops/torch_memory.h"

#include "binding.h"

namespace longhaul {
namespace {

class HostOpTable final : public OpTable {
 public:
  HostOpTable(ModelGraph graph, StateFormat format, const BatchShape& shape)
      : graph_(std::move(graph)), format_(std::move(format)), shape_(shape) {}

  OpBody bind(const Op& op, const OpAddresses& addresses, Device& device) const override {
    const c10::InferenceMode no_autograd(true);
    const Binding b{graph_, format_, shape_, kernels::host_kernels(), op, addresses, device};
    switch (op.kind) {
      case OpKind::kFill: return bind_fill(b);
      case OpKind::kForward: return bind_forward(b);
      case OpKind::kBackward: return bind_backward(b);
      case OpKind::kHeadLoss: return bind_head_loss(b);
      case OpKind::kHeadStatistics: return bind_head_statistics(b);
      case OpKind::kHeadGradient: return bind_head_gradient(b);
      case OpKind::kSumLosses: return bind_sum_losses(b);
      case OpKind::kAccumulate: return bind_accumulate(b);
      case OpKind::kRound: return bind_round(b);
      case OpKind::kGradientNorm: return bind_gradient_norm(b);
      case OpKind::kClip: return bind_clip(b);
      case OpKind::kUpdate: return bind_update(b);
      case OpKind::kPrefill: return bind_prefill(b);
      case OpKind::kDecode: return bind_decode(b);
      case OpKind::kLogits: return bind_logits(b);
      case OpKind::kCopy: break;
    }
    throw InvalidArgument(concat("HostOpTable: no body for ", describe(op)));
  }

 private:
  ModelGraph graph_;
  StateFormat format_;
  BatchShape shape_;
};

}  // namespace

std::unique_ptr<OpTable> make_host_op_table(const ModelGraph& graph,
                                            const StateFormat& format,
                                            const BatchShape& shape) {
  install_torch_allocator();
  return std::make_unique<HostOpTable>(graph, format, shape);
}

}  // namespace longhaul
