#include "bind_cuda.h"

#include <utility>
#include <vector>

#include "longhaul/graph/run_rules.h"

namespace longhaul {
namespace {

// A copy within device memory, on the lane.
OpBody copy_on_device(const Binding& b, std::byte* to, const std::byte* from, std::int64_t count) {
  return call(
      b,
      b.kernels.cast,
      kernels::Cast{.x = from, .y = to, .count = count, .from = b.dtype(), .to = b.dtype()});
}

OpBody attention_body(const kernels::CausalAttentionForward& arguments, kernels::Launch launch) {
  check(arguments);
  return [arguments, launch] { kernels::causal_attention_forward_cuda(arguments, launch); };
}

}  // namespace

OpBody CudaBinding::product(const CudaMatrix& out,
                            const CudaMatrix& a,
                            const CudaMatrix& b,
                            bool accumulates,
                            std::int64_t offset) const {
  const OpAddresses& addresses = common.addresses;
  require(offset + kCudaProductScratch.count <= addresses.scratch_size.count,
          describe(common.op),
          ": needs ",
          offset + kCudaProductScratch.count,
          " B of scratch, has ",
          addresses.scratch_size.count,
          " B");
  return products.bind(out, a, b, accumulates, addresses.scratch + offset, common.launch().stream);
}

// Reads: x, weight [, bias]. Writes: y.
OpBody bind_cuda_linear_forward(const CudaBinding& cuda, const Linear& n) {
  const Binding& b = cuda.common;
  const std::int64_t tokens = b.shape.tokens;
  std::vector<OpBody> bodies{cuda.product(cuda.matrix(b.write(0), tokens, n.out),
                                          cuda.matrix(b.read(0), tokens, n.in),
                                          cuda.matrix(b.read(1), n.out, n.in).transposed(),
                                          false)};
  if (n.has_bias) {
    bodies.push_back(call(b,
                          b.kernels.bias_forward,
                          kernels::BiasForward{.x = b.write(0),
                                               .bias = b.read(2),
                                               .y = b.write(0),
                                               .rows = tokens,
                                               .width = n.out,
                                               .dtype = b.dtype()}));
  }
  return in_order(std::move(bodies));
}

// Reads: d_y, x, weight [, bias]. Writes: d_x, d_weight [, d_bias].
OpBody bind_cuda_linear_backward(const CudaBinding& cuda, const Linear& n) {
  const Binding& b = cuda.common;
  const std::int64_t tokens = b.shape.tokens;
  const CudaMatrix d_y = cuda.matrix(b.read(0), tokens, n.out);
  std::vector<OpBody> bodies;
  if (b.write(0) != nullptr) {
    bodies.push_back(cuda.product(cuda.matrix(b.write(0), tokens, n.in),
                                  d_y,
                                  cuda.matrix(b.read(2), n.out, n.in),
                                  b.accumulates(0)));
  }
  if (b.write(1) != nullptr) {
    bodies.push_back(cuda.product(cuda.matrix(b.write(1), n.out, n.in),
                                  d_y.transposed(),
                                  cuda.matrix(b.read(1), tokens, n.in),
                                  false));
  }
  if (n.has_bias && b.write(2) != nullptr) {
    bodies.push_back(call(b,
                          b.kernels.bias_backward,
                          kernels::BiasBackward{.d_y = b.read(0),
                                                .d_bias = b.write(2),
                                                .scratch = b.scratch_as<float>(),
                                                .rows = tokens,
                                                .width = n.out,
                                                .dtype = b.dtype()}));
  }
  return in_order(std::move(bodies));
}

// Reads: q, k, v, offsets. Writes: y, log_sum_exp.
OpBody bind_cuda_attention_forward(const CudaBinding& cuda) {
  const Binding& b = cuda.common;
  return attention_body(attention_arguments(b,
                                            {.q = b.read(0),
                                             .k = b.read(1),
                                             .v = b.read(2),
                                             .segments = b.read_as<std::int32_t>(3),
                                             .y = b.write(0),
                                             .lse = b.write_as<float>(1)}),
                        b.launch());
}

// Reads: d_y, q, k, v, y, log_sum_exp, offsets. Writes: d_q, d_k, d_v.
OpBody bind_cuda_attention_backward(const CudaBinding& cuda) {
  const Binding& b = cuda.common;
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
      .d_v = b.write(2),
      .delta = b.scratch_as<float>()};
  check(arguments);
  return [arguments, launch = b.launch()] {
    kernels::causal_attention_backward_cuda(arguments, launch);
  };
}

OpBody bind_cuda_prefill(const CudaBinding& cuda) {
  const Binding& b = cuda.common;
  const auto& n = std::get<Attention>(b.node().kind);
  const std::int64_t count = b.shape.tokens * n.kv_heads * n.head_dim;
  std::vector<OpBody> bodies;
  bodies.push_back(bind_cuda_attention_forward(cuda));
  bodies.push_back(copy_on_device(b, b.write(2), b.read(1), count));
  bodies.push_back(copy_on_device(b, b.write(3), b.read(2), count));
  return in_order(std::move(bodies));
}

// The position of the token is on the device: the kernel reads it.
OpBody bind_cuda_decode(const CudaBinding& cuda) {
  const Binding& b = cuda.common;
  const auto& n = std::get<Attention>(b.node().kind);
  return call(b,
              b.kernels.cached_attention,
              kernels::CachedAttention{.q = b.read(0),
                                       .keys = b.write(2),
                                       .values = b.write(3),
                                       .y = b.write(0),
                                       .scratch = b.scratch_as<float>(),
                                       .length = b.shape.positions,
                                       .heads = n.heads,
                                       .kv_heads = n.kv_heads,
                                       .head_dim = n.head_dim,
                                       .window = n.window,
                                       .scale = n.scale,
                                       .dtype = b.dtype(),
                                       .position = b.read_as<std::int32_t>(4),
                                       .new_key = b.read(1),
                                       .new_value = b.read(2)});
}

}  // namespace longhaul
