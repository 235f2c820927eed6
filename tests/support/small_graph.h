// A small decoder with every node kind of the Llama form: for tests of graphs and lowering.
#pragma once

#include "longhaul/graph/builder.h"

namespace longhaul::test {

inline ModelGraph small_decoder(DType dtype, bool is_tied, int layers = 2, std::int64_t mlp = 48) {
  constexpr std::int64_t kWidth = 32;
  GraphBuilder b(dtype);
  const TensorId cosines = b.position_table("cos", 4);
  const TensorId sines = b.position_table("sin", 4);
  b.begin_block("embedding");
  const TensorId table = b.parameter("table", 96, kWidth);
  TensorId x = b.embedding("embedding", table);
  for (int layer = 0; layer < layers; ++layer) {
    b.begin_block("layer " + std::to_string(layer));
    const TensorId n = b.rms_norm("norm", x, b.parameter("gain", kWidth), 1e-5F);
    const auto project = [&](const char* name, std::int64_t out) {
      return b.linear(name, n, b.parameter(name, out, kWidth));
    };
    const TensorId q = b.rotary("q rotary",
                                project("q", kWidth),
                                cosines,
                                sines,
                                {.heads = 4, .head_dim = 8, .rotary_dim = 8});
    const TensorId k = b.rotary(
        "k rotary", project("k", 16), cosines, sines, {.heads = 2, .head_dim = 8, .rotary_dim = 8});
    const TensorId v = project("v", 16);
    const TensorId y = b.attention(
        "attention", q, k, v, {.heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 0.35F});
    const TensorId o = b.linear("o", y, b.parameter("o", kWidth, kWidth));
    x = b.add("attention residual", x, o);
    const TensorId n2 = b.rms_norm("norm 2", x, b.parameter("gain 2", kWidth), 1e-5F);
    const TensorId gate = b.linear("gate", n2, b.parameter("gate", mlp, kWidth));
    const TensorId up = b.linear("up", n2, b.parameter("up", mlp, kWidth));
    const TensorId h = b.swiglu("swiglu", gate, up);
    x = b.add("mlp residual", x, b.linear("down", h, b.parameter("down", kWidth, mlp)));
  }
  b.begin_block("head");
  const TensorId hidden = b.rms_norm("last norm", x, b.parameter("last gain", kWidth), 1e-5F);
  b.head_loss("head", hidden, is_tied ? table : b.parameter("head", 96, kWidth), 64);
  return b.finish();
}

}  // namespace longhaul::test
