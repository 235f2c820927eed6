#include <cstring>

#include "attention.h"
#include "binding.h"

namespace longhaul {
namespace {

struct Forward {
  const Binding& b;

  OpBody operator()(const Embedding& n) const {
    return call(b,
                b.kernels.embedding_forward,
                kernels::EmbeddingForward{.table = b.read(2),
                                          .ids = b.read_as<std::int32_t>(0),
                                          .y = b.write(0),
                                          .tokens = b.shape.tokens,
                                          .width = n.width,
                                          .dtype = b.dtype()});
  }
  OpBody operator()(const Add& n) const {
    return call(b,
                b.kernels.add,
                kernels::Add{.a = b.read(0),
                             .b = b.read(1),
                             .y = b.write(0),
                             .count = b.shape.tokens * n.width,
                             .dtype = b.dtype()});
  }
  OpBody operator()(const RmsNorm& n) const {
    return call(b,
                b.kernels.rms_norm_forward,
                kernels::RmsNormForward{.x = b.read(0),
                                        .gain = b.read(1),
                                        .y = b.write(0),
                                        .rstd = b.write_as<float>(1),
                                        .rows = b.shape.tokens * n.groups,
                                        .width = n.width,
                                        .epsilon = n.epsilon,
                                        .dtype = b.dtype()});
  }
  OpBody operator()(const LayerNorm& n) const {
    return call(b,
                b.kernels.layer_norm_forward,
                kernels::LayerNormForward{.x = b.read(0),
                                          .gain = b.read(1),
                                          .bias = b.read(2),
                                          .y = b.write(0),
                                          .mean = b.write_as<float>(1),
                                          .rstd = b.write_as<float>(2),
                                          .rows = b.shape.tokens,
                                          .width = n.width,
                                          .epsilon = n.epsilon,
                                          .dtype = b.dtype()});
  }
  OpBody operator()(const Linear& n) const {
    const std::int64_t tokens = b.shape.tokens;
    const Product product(matrix(b.write(0), b.dtype(), tokens, n.out, n.out),
                          matrix(b.read(0), b.dtype(), tokens, n.in, n.in),
                          matrix(b.read(1), b.dtype(), n.in, n.out, 1, n.in),
                          false);
    OpBody bias;
    if (n.has_bias) {
      bias = call(b,
                  b.kernels.bias_forward,
                  kernels::BiasForward{.x = b.write(0),
                                       .bias = b.read(2),
                                       .y = b.write(0),
                                       .rows = tokens,
                                       .width = n.out,
                                       .dtype = b.dtype()});
    }
    return [product, bias, &pool = b.pool(), scratch = b.worker_scratch()] {
      const Product* const one = &product;
      run_products({&one, 1}, pool, scratch);
      if (bias) bias();
    };
  }
  OpBody operator()(const Rotary& n) const {
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
                                .is_inverse = false,
                                .dtype = b.dtype()});
  }
  OpBody operator()(const Attention& /*n*/) const {
    const auto arguments = attention_arguments(b,
                                               {.q = b.read(0),
                                                .k = b.read(1),
                                                .v = b.read(2),
                                                .segments = b.read_as<std::int32_t>(3),
                                                .y = b.write(0),
                                                .lse = b.write_as<float>(1)});
    return [arguments,
            &pool = b.pool(),
            scratch = b.addresses.scratch,
            size = b.addresses.scratch_size] { attention_forward(arguments, pool, scratch, size); };
  }
  OpBody operator()(const Swiglu& n) const {
    return call(b,
                b.kernels.swiglu_forward,
                kernels::SwigluForward{.gate = b.read(0),
                                       .up = b.read(1),
                                       .y = b.write(0),
                                       .count = b.shape.tokens * n.width,
                                       .dtype = b.dtype()});
  }
  OpBody operator()(const Gelu& n) const {
    return call(
        b,
        b.kernels.gelu_forward,
        kernels::GeluForward{.x = b.read(0),
                             .y = b.write(0),
                             .count = b.shape.tokens * n.width,
                             .kind = n.is_tanh ? kernels::GeluKind::kTanh : kernels::GeluKind::kErf,
                             .dtype = b.dtype()});
  }
  OpBody operator()(const HeadLoss& /*n*/) const {
    throw InvalidArgument("bind_forward: head and loss are one op of their own");
  }
};

// Bytes of one row of the key or value cache.
std::int64_t cache_row(const Binding& b, const Attention& n) {
  return n.kv_heads * n.head_dim * size_of(b.dtype());
}

}  // namespace

kernels::CausalAttentionForward attention_arguments(const Binding& b,
                                                    kernels::CausalAttentionForward pointers) {
  const auto& n = std::get<Attention>(b.node().kind);
  pointers.tokens = b.shape.tokens;
  pointers.segment_count = b.shape.max_segments;
  pointers.heads = n.heads;
  pointers.kv_heads = n.kv_heads;
  pointers.head_dim = n.head_dim;
  pointers.window = n.window;
  pointers.scale = n.scale;
  pointers.dtype = b.dtype();
  return pointers;
}

OpBody bind_forward(const Binding& b) {
  return std::visit(Forward{b}, b.node().kind);
}

OpBody bind_prefill(const Binding& b) {
  const auto& n = std::get<Attention>(b.node().kind);
  const auto bytes = static_cast<std::size_t>(b.shape.tokens * cache_row(b, n));
  return [attend = Forward{b}(n),
          bytes,
          keys = b.write(2),
          values = b.write(3),
          k = b.read(1),
          v = b.read(2)] {
    attend();
    std::memcpy(keys, k, bytes);
    std::memcpy(values, v, bytes);
  };
}

OpBody bind_decode(const Binding& b) {
  const auto& n = std::get<Attention>(b.node().kind);
  const kernels::CachedAttention arguments{.q = b.read(0),
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
                                           .dtype = b.dtype()};
  check(arguments);
  return [arguments,
          row = cache_row(b, n),
          keys = b.write(2),
          values = b.write(3),
          k = b.read(1),
          v = b.read(2),
          position = b.read_as<std::int32_t>(4),
          kernel = b.kernels.cached_attention,
          launch = b.launch()] {
    const std::int64_t p = *position;
    require(p >= 0 && p < arguments.length,
            "decode: position ",
            p,
            " is beyond a cache of ",
            arguments.length,
            " rows");
    std::memcpy(keys + p * row, k, static_cast<std::size_t>(row));
    std::memcpy(values + p * row, v, static_cast<std::size_t>(row));
    kernels::CachedAttention now = arguments;
    now.length = p + 1;
    kernel(now, launch);
  };
}

}  // namespace longhaul
