#include "src/ops/attention.h"

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/philox.h"
#include "longhaul/graph/builder.h"
#include "longhaul/ops/torch_memory.h"
#include "longhaul/plan/scratch.h"

namespace longhaul {
namespace {

struct Case {
  std::vector<std::int32_t> segments;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t window;
  DType dtype;
};

// All arrays of a forward and a backward, filled with normal numbers rounded to the dtype.
struct Arrays {
  explicit Arrays(const Case& c) : test(c), tokens(c.segments.back()) {
    const std::int64_t q_size = tokens * c.heads * c.head_dim;
    const std::int64_t kv_size = tokens * c.kv_heads * c.head_dim;
    for (const std::int64_t size : {q_size, kv_size, kv_size, q_size}) {
      inputs.push_back(random(size, inputs.size()));
    }
    for (const std::int64_t size : {q_size, q_size, kv_size, kv_size}) {
      outputs.emplace_back(static_cast<std::size_t>(size * size_of(c.dtype)));
    }
    lse.resize(static_cast<std::size_t>(tokens * c.heads));
  }

  std::vector<std::byte> random(std::int64_t size, std::uint64_t stream) const {
    const Philox numbers(3, stream);
    std::vector<std::byte> bytes(static_cast<std::size_t>(size * size_of(test.dtype)));
    for (std::int64_t i = 0; i < size; ++i) {
      const float x = numbers.normal(static_cast<std::uint64_t>(i));
      if (test.dtype == DType::kF32) {
        std::memcpy(bytes.data() + i * 4, &x, 4);
      } else {
        const std::uint16_t bits = to_bf16(x);
        std::memcpy(bytes.data() + i * 2, &bits, 2);
      }
    }
    return bytes;
  }

  kernels::CausalAttentionForward forward() {
    return {.q = inputs[0].data(),
            .k = inputs[1].data(),
            .v = inputs[2].data(),
            .segments = test.segments.data(),
            .y = outputs[0].data(),
            .lse = lse.data(),
            .tokens = tokens,
            .segment_count = static_cast<std::int64_t>(test.segments.size()) - 1,
            .heads = test.heads,
            .kv_heads = test.kv_heads,
            .head_dim = test.head_dim,
            .window = test.window,
            .scale = 1.0F / std::sqrt(static_cast<float>(test.head_dim)),
            .dtype = test.dtype};
  }
  kernels::CausalAttentionBackward backward() {
    return {.forward = forward(),
            .d_y = inputs[3].data(),
            .d_q = outputs[1].data(),
            .d_k = outputs[2].data(),
            .d_v = outputs[3].data()};
  }
  std::vector<float> values(std::size_t output) const {
    std::vector<float> result(outputs[output].size() /
                              static_cast<std::size_t>(size_of(test.dtype)));
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (test.dtype == DType::kF32) {
        std::memcpy(&result[i], outputs[output].data() + i * 4, 4);
      } else {
        std::uint16_t bits = 0;
        std::memcpy(&bits, outputs[output].data() + i * 2, 2);
        result[i] = from_bf16(bits);
      }
    }
    return result;
  }

  Case test;
  std::int64_t tokens;
  std::vector<std::vector<std::byte>> inputs;   // q, k, v, d_y
  std::vector<std::vector<std::byte>> outputs;  // y, d_q, d_k, d_v
  std::vector<float> lse;
};

// The scratch that lowering plans for the op.
std::vector<std::byte> planned_scratch(const Case& c,
                                       std::int64_t tokens,
                                       OpKind kind,
                                       int workers) {
  GraphBuilder builder(c.dtype);
  builder.begin_block("b");
  const TensorId table = builder.parameter("t", 8, c.heads * c.head_dim);
  const TensorId kv = builder.parameter("u", 8, c.kv_heads * c.head_dim);
  const TensorId k = builder.embedding("k", kv);
  const TensorId q = builder.embedding("q", table);
  const TensorId y = builder.attention(
      "attention",
      q,
      k,
      k,
      {.heads = c.heads, .kv_heads = c.kv_heads, .head_dim = c.head_dim, .window = c.window});
  builder.head_loss("head", y, table, 64);
  const ModelGraph graph = builder.finish();
  const BatchShape shape{.tokens = tokens,
                         .max_segments = static_cast<std::int64_t>(c.segments.size()) - 1,
                         .positions = tokens};
  const Bytes size = scratch_bytes(graph, graph.nodes[2], kind, shape, workers);
  return std::vector<std::byte>(static_cast<std::size_t>(size.count) + 64);
}

void run(Arrays& arrays, int threads) {
  ThreadPool pool(threads, prepare_torch_thread);
  prepare_torch_thread();
  const auto aligned = [](std::vector<std::byte>& scratch) {
    return scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64) % 64;
  };
  auto scratch = planned_scratch(arrays.test, arrays.tokens, OpKind::kForward, threads);
  attention_forward(arrays.forward(),
                    pool,
                    aligned(scratch),
                    Bytes{static_cast<std::int64_t>(scratch.size()) - 64});
  scratch = planned_scratch(arrays.test, arrays.tokens, OpKind::kBackward, threads);
  attention_backward(arrays.backward(),
                     pool,
                     aligned(scratch),
                     Bytes{static_cast<std::int64_t>(scratch.size()) - 64});
}

// Relative to the norm of the whole array. fp32: sums of up to 200 products in another order. bf16:
// probabilities and results are rounded to 8 bits on both sides of the comparison.
double tolerance(DType dtype) {
  return dtype == DType::kF32 ? 2e-6 : 6e-3;
}

class Attention : public testing::TestWithParam<Case> {};

TEST_P(Attention, AgreesWithTheReference) {
  Arrays actual(GetParam());
  Arrays expected(GetParam());
  run(actual, 2);
  kernels::causal_attention_forward_reference(expected.forward());
  kernels::causal_attention_backward_reference(expected.backward());
  for (std::size_t output = 0; output < 4; ++output) {
    const std::vector<float> a = actual.values(output);
    const std::vector<float> e = expected.values(output);
    double difference = 0.0;
    double norm = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(e[i]), 2);
      norm += std::pow(static_cast<double>(e[i]), 2);
    }
    EXPECT_LE(std::sqrt(difference), tolerance(GetParam().dtype) * std::sqrt(norm))
        << "output " << output;
  }
}

TEST_P(Attention, GivesTheSameBitsForAnyNumberOfThreads) {
  Arrays one(GetParam());
  run(one, 1);
  for (const int threads : {2, 5}) {
    Arrays many(GetParam());
    run(many, threads);
    EXPECT_EQ(one.outputs, many.outputs) << threads << " threads";
    EXPECT_EQ(one.lse, many.lse) << threads << " threads";
  }
}

TEST_P(Attention, GivesASegmentTheSameBitsWhateverItsNeighbours) {
  Arrays packed(GetParam());
  run(packed, 2);
  // The second segment alone, at offset 0.
  Case alone = GetParam();
  const std::int64_t begin = alone.segments[1];
  const std::int64_t length = alone.segments[2] - begin;
  alone.segments = {0, static_cast<std::int32_t>(length), static_cast<std::int32_t>(length)};
  Arrays single(alone);
  const auto cut = [&](const std::vector<std::byte>& from, std::size_t size) {
    const std::size_t row = from.size() / static_cast<std::size_t>(packed.tokens);
    const auto first =
        from.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(begin) * row);
    return std::vector<std::byte>(first, first + static_cast<std::ptrdiff_t>(size));
  };
  for (std::size_t i = 0; i < 4; ++i) {
    single.inputs[i] = cut(packed.inputs[i], single.inputs[i].size());
  }
  run(single, 2);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(single.outputs[i], cut(packed.outputs[i], single.outputs[i].size())) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases,
    Attention,
    testing::Values(Case{{0, 130, 333, 400, 400, 400}, 6, 2, 32, 0, DType::kF32},
                    Case{{0, 130, 333, 400, 400, 400}, 6, 2, 32, 0, DType::kBF16},
                    Case{{0, 1, 65, 193, 200}, 4, 4, 64, 0, DType::kBF16},
                    Case{{0, 70, 270, 300}, 2, 1, 16, 33, DType::kF32},
                    Case{{0, 70, 270, 300}, 2, 1, 16, 90, DType::kBF16}));

}  // namespace
}  // namespace longhaul
