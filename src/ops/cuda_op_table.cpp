#include <utility>

#include "longhaul/ops/op_table.h"

#include "bind_cuda.h"

namespace longhaul {
namespace {

// Bodies of one kernel each are those of every device; `b` has the kernels of the GPU.
OpBody bind_on_gpu(const CudaBinding& cuda) {
  const Binding& b = cuda.common;
  switch (b.op.kind) {
    case OpKind::kFill: return bind_fill(b);
    case OpKind::kForward: {
      if (const auto* n = std::get_if<Linear>(&b.node().kind)) {
        return bind_cuda_linear_forward(cuda, *n);
      }
      if (is<Attention>(b.node())) return bind_cuda_attention_forward(cuda);
      return bind_forward(b);
    }
    case OpKind::kBackward: {
      if (const auto* n = std::get_if<Linear>(&b.node().kind)) {
        return bind_cuda_linear_backward(cuda, *n);
      }
      if (is<Attention>(b.node())) return bind_cuda_attention_backward(cuda);
      return bind_backward(b);
    }
    case OpKind::kHeadLoss: return bind_cuda_head_loss(cuda, std::get<HeadLoss>(b.node().kind));
    case OpKind::kHeadStatistics: return bind_cuda_head_statistics(cuda);
    case OpKind::kHeadGradient: return bind_cuda_head_gradient(cuda);
    case OpKind::kSumLosses: return bind_sum_losses(b);
    case OpKind::kAccumulate: return bind_accumulate(b);
    case OpKind::kRound: return bind_round(b);
    case OpKind::kGradientNorm: return bind_gradient_norm(b);
    case OpKind::kUpdate: return bind_update(b);
    case OpKind::kPrefill: return bind_cuda_prefill(cuda);
    case OpKind::kDecode: return bind_cuda_decode(cuda);
    case OpKind::kLogits: return bind_cuda_logits(cuda, std::get<HeadLoss>(b.node().kind));
    case OpKind::kClip:  // reads and writes records of the host
    case OpKind::kCopy: break;
  }
  throw InvalidArgument(concat("CudaOpTable: no body for ", describe(b.op)));
}

class CudaOpTable final : public OpTable {
 public:
  CudaOpTable(const ModelGraph& graph, const StateFormat& format, const BatchShape& shape)
      : graph_(graph),
        format_(format),
        shape_(shape),
        host_(make_host_op_table(graph, format, shape)) {}

  OpBody bind(const Op& op, const OpAddresses& addresses, Device& device) const override {
    if (op.lane != Lane::kCompute) return host_->bind(op, addresses, device);
    const Binding b{graph_, format_, shape_, kernels::cuda_kernels(), op, addresses, device};
    return bind_on_gpu({b, products_});
  }

 private:
  ModelGraph graph_;
  StateFormat format_;
  BatchShape shape_;
  std::unique_ptr<OpTable> host_;  // of the lanes that run on the processor
  CudaProducts products_;
};

}  // namespace

std::unique_ptr<OpTable> make_op_table(DeviceKind kind,
                                       const ModelGraph& graph,
                                       const StateFormat& format,
                                       const BatchShape& shape) {
  if (kind == DeviceKind::kHost) return make_host_op_table(graph, format, shape);
  return std::make_unique<CudaOpTable>(graph, format, shape);
}

void warm_cuda_libraries() {
  warm_cuda_products();
}

std::vector<std::string> cuda_library_versions() {
  return {cuda_products_version()};
}

}  // namespace longhaul
