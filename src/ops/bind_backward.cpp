// Backward of each node kind. Reads: {d_y, saved tensors..., other inputs...}; see graph/backward.h
// and OpKind::kBackward for the order.

#include <array>

#include "attention.h"
#include "binding.h"

namespace longhaul {
namespace {

struct Backward {
  const Binding& b;

  // Reads: d_y, ids, order, table. Writes: -, -, d_table.
  OpBody operator()(const Embedding& n) const {
    require(b.accumulates(2), describe(b.op), ": rows are added to a table, never stored alone");
    const bool is_fp32 = b.op.writes[2].size.count == n.rows * n.width * 4;
    return call(b,
                b.kernels.embedding_backward,
                kernels::EmbeddingBackward{.d_y = b.read(0),
                                           .ids = b.read_as<std::int32_t>(1),
                                           .order = b.read_as<std::int32_t>(2),
                                           .d_table = b.write(2),
                                           .tokens = b.shape.tokens,
                                           .width = n.width,
                                           .dtype = b.dtype(),
                                           .table_dtype = is_fp32 ? DType::kF32 : b.dtype()});
  }
  OpBody operator()(const Add& /*n*/) const {
    throw InvalidArgument("bind_backward: the gradient of a sum is shared, not computed");
  }
  // Reads: d_y, x, rstd, gain. Writes: d_x, d_gain.
  OpBody operator()(const RmsNorm& n) const {
    return call(b,
                b.kernels.rms_norm_backward,
                kernels::RmsNormBackward{.d_y = b.read(0),
                                         .x = b.read(1),
                                         .gain = b.read(3),
                                         .rstd = b.read_as<float>(2),
                                         .d_residual = b.accumulates(0) ? b.write(0) : nullptr,
                                         .d_x = b.write(0),
                                         .d_gain = b.write(1),
                                         .scratch = b.scratch_as<float>(),
                                         .rows = b.shape.tokens * n.groups,
                                         .width = n.width,
                                         .dtype = b.dtype()});
  }
  // Reads: d_y, x, mean, rstd, gain, bias. Writes: d_x, d_gain, d_bias.
  OpBody operator()(const LayerNorm& n) const {
    return call(b,
                b.kernels.layer_norm_backward,
                kernels::LayerNormBackward{.d_y = b.read(0),
                                           .x = b.read(1),
                                           .gain = b.read(4),
                                           .mean = b.read_as<float>(2),
                                           .rstd = b.read_as<float>(3),
                                           .d_residual = b.accumulates(0) ? b.write(0) : nullptr,
                                           .d_x = b.write(0),
                                           .d_gain = b.write(1),
                                           .d_bias = b.write(2),
                                           .scratch = b.scratch_as<float>(),
                                           .rows = b.shape.tokens,
                                           .width = n.width,
                                           .dtype = b.dtype()});
  }
  // Reads: d_y, x, weight [, bias]. Writes: d_x, d_weight [, d_bias].
  OpBody operator()(const Linear& n) const {
    const std::int64_t tokens = b.shape.tokens;
    const DType dtype = b.dtype();
    std::vector<Product> products;
    if (b.write(0) != nullptr) {
      products.emplace_back(matrix(b.write(0), dtype, tokens, n.in, n.in),
                            matrix(b.read(0), dtype, tokens, n.out, n.out),
                            matrix(b.read(2), dtype, n.out, n.in, n.in),
                            b.accumulates(0));
    }
    if (b.write(1) != nullptr) {
      products.emplace_back(matrix(b.write(1), dtype, n.out, n.in, n.in),
                            matrix(b.read(0), dtype, n.out, tokens, 1, n.out),
                            matrix(b.read(1), dtype, tokens, n.in, n.in),
                            false);
    }
    OpBody bias;
    if (n.has_bias && b.write(2) != nullptr) {
      bias = call(b,
                  b.kernels.bias_backward,
                  kernels::BiasBackward{.d_y = b.read(0),
                                        .d_bias = b.write(2),
                                        .scratch = b.scratch_as<float>(),
                                        .rows = tokens,
                                        .width = n.out,
                                        .dtype = dtype});
    }
    return [products = std::move(products), bias, &pool = b.pool(), scratch = b.worker_scratch()] {
      std::array<const Product*, 2> both{};
      for (std::size_t i = 0; i < products.size(); ++i) both.at(i) = &products[i];
      run_products({both.data(), products.size()}, pool, scratch);
      if (bias) bias();
    };
  }
  // Reads: d_y, cos, sin, positions. Writes: d_x.
  OpBody operator()(const Rotary& n) const {
    b.refuse_accumulation();
    return call(b,
                b.kernels.rotary,
                kernels::Rotary{.x = b.read(0),
                                .y = b.write(0),
                                .cos = b.read_as<float>(1),
                                .sin = b.read_as<float>(2),
                                .positions = b.read_as<std::int32_t>(3),
                                .tokens = b.shape.tokens,
                                .heads = n.heads,
                                .head_dim = n.head_dim,
                                .rotary_dim = n.rotary_dim,
                                .is_inverse = true,
                                .dtype = b.dtype()});
  }
  // Reads: d_y, q, k, v, y, log_sum_exp, offsets. Writes: d_q, d_k, d_v.
  OpBody operator()(const Attention& /*n*/) const {
    b.refuse_accumulation();
    const kernels::CausalAttentionBackward arguments{
        .forward = attention_arguments(b,
                                       {.q = b.read(1),
                                        .k = b.read(2),
                                        .v = b.read(3),
                                        .segments = b.read_as<std::int32_t>(6),
                                        .y = b.read(4),
                                        .lse = reinterpret_cast<float*>(b.read(5))}),
        .d_y = b.read(0),
        .d_q = b.write(0),
        .d_k = b.write(1),
        .d_v = b.write(2)};
    return
        [arguments,
         &pool = b.pool(),
         scratch = b.addresses.scratch,
         size = b.addresses.scratch_size] { attention_backward(arguments, pool, scratch, size); };
  }
  // Reads: d_y, gate, up. Writes: d_gate, d_up.
  OpBody operator()(const Swiglu& n) const {
    b.refuse_accumulation();
    return call(b,
                b.kernels.swiglu_backward,
                kernels::SwigluBackward{.d_y = b.read(0),
                                        .gate = b.read(1),
                                        .up = b.read(2),
                                        .d_gate = b.write(0),
                                        .d_up = b.write(1),
                                        .count = b.shape.tokens * n.width,
                                        .dtype = b.dtype()});
  }
  // Reads: d_y, x. Writes: d_x.
  OpBody operator()(const Gelu& n) const {
    b.refuse_accumulation();
    return call(b,
                b.kernels.gelu_backward,
                kernels::GeluBackward{
                    .d_y = b.read(0),
                    .x = b.read(1),
                    .d_x = b.write(0),
                    .count = b.shape.tokens * n.width,
                    .kind = n.is_tanh ? kernels::GeluKind::kTanh : kernels::GeluKind::kErf,
                    .dtype = b.dtype()});
  }
  OpBody operator()(const HeadLoss& /*n*/) const {
    throw InvalidArgument("bind_backward: the head's backward runs with its forward");
  }
};

}  // namespace

OpBody bind_backward(const Binding& b) {
  return std::visit(Backward{b}, b.node().kind);
}

}  // namespace longhaul
