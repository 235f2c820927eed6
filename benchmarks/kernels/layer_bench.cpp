// The kernels of a transformer layer and of the loss in bf16, with the shapes of SmolLM2-135M and
// enough tokens to leave the caches, against an in-place read-modify-write with the same traffic.
#include <cstdint>
#include <vector>

#include "benchmarks/kernels/roofline.h"

namespace longhaul::bench {
namespace {

constexpr std::int64_t kTokens = 32768;
constexpr std::int64_t kWidth = 576;
constexpr std::int64_t kHeads = 9;
constexpr std::int64_t kHeadDim = 64;
constexpr std::int64_t kMlpTokens = 8192;
constexpr std::int64_t kMlpWidth = 1536;
constexpr std::int64_t kLossRows = 512;
constexpr std::int64_t kVocabulary = 49152;

ThreadPool& pool() {
  static ThreadPool pool(usable_cores());
  return pool;
}

Roofline& roofline() {
  static Roofline roofline(pool());
  return roofline;
}

// bf16 numbers between 1 and 2 and their negatives, no two neighbours alike.
std::vector<std::uint16_t> values(std::int64_t count) {
  std::vector<std::uint16_t> all(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::uint16_t>(0x3F80U | (i * 37U & 0x7FU) | (i * 101U & 64U) << 9);
  }
  return all;
}

const kernels::KernelTable& table() {
  return kernels::host_kernels();
}

kernels::Launch launch() {
  return {&pool(), nullptr};
}

void rms_norm_forward(benchmark::State& state) {
  const std::vector<std::uint16_t> x = values(kTokens * kWidth);
  const std::vector<std::uint16_t> gain = values(kWidth);
  std::vector<std::uint16_t> y = x;
  std::vector<float> rstd(kTokens);
  const kernels::RmsNormForward args{
      x.data(), gain.data(), y.data(), rstd.data(), kTokens, kWidth, 1e-5F, DType::kBF16};
  run_against_roofline(
      state, roofline(), 4 * kTokens * kWidth, [&] { table().rms_norm_forward(args, launch()); });
}

void rms_norm_backward(benchmark::State& state) {
  const std::vector<std::uint16_t> x = values(kTokens * kWidth);
  const std::vector<std::uint16_t> gain = values(kWidth);
  const std::vector<std::uint16_t> d_y = values(kTokens * kWidth);
  const std::vector<float> rstd(kTokens, 0.5F);
  std::vector<std::uint16_t> d_x = x;
  std::vector<std::uint16_t> d_gain = gain;
  std::vector<float> scratch(
      static_cast<std::size_t>(kernels::rms_norm_backward_scratch(kTokens, kWidth)) /
      sizeof(float));
  const kernels::RmsNormBackward args{.d_y = d_y.data(),
                                      .x = x.data(),
                                      .gain = gain.data(),
                                      .rstd = rstd.data(),
                                      .d_residual = nullptr,
                                      .d_x = d_x.data(),
                                      .d_gain = d_gain.data(),
                                      .scratch = scratch.data(),
                                      .rows = kTokens,
                                      .width = kWidth,
                                      .dtype = DType::kBF16};
  run_against_roofline(
      state, roofline(), 6 * kTokens * kWidth, [&] { table().rms_norm_backward(args, launch()); });
}

void rotary(benchmark::State& state) {
  std::vector<std::uint16_t> x = values(kTokens * kHeads * kHeadDim);
  const std::vector<float> cos(2048 * kHeadDim / 2, 0.8F);
  const std::vector<float> sin(2048 * kHeadDim / 2, 0.6F);
  std::vector<std::int32_t> positions(kTokens);
  for (std::size_t t = 0; t < positions.size(); ++t) {
    positions[t] = static_cast<std::int32_t>(t % 2048);
  }
  const kernels::Rotary args{.x = x.data(),
                             .y = x.data(),
                             .cos = cos.data(),
                             .sin = sin.data(),
                             .positions = positions.data(),
                             .tokens = kTokens,
                             .heads = kHeads,
                             .head_dim = kHeadDim,
                             .rotary_dim = kHeadDim,
                             .is_inverse = false,
                             .dtype = DType::kBF16};
  run_against_roofline(
      state, roofline(), 4 * kTokens * kHeads * kHeadDim, [&] { table().rotary(args, launch()); });
}

void swiglu_forward(benchmark::State& state) {
  constexpr std::int64_t kCount = kMlpTokens * kMlpWidth;
  const std::vector<std::uint16_t> gate = values(kCount);
  const std::vector<std::uint16_t> up = values(kCount);
  std::vector<std::uint16_t> y = up;
  const kernels::SwigluForward args{gate.data(), up.data(), y.data(), kCount, DType::kBF16};
  run_against_roofline(
      state, roofline(), 6 * kCount, [&] { table().swiglu_forward(args, launch()); });
}

void swiglu_backward(benchmark::State& state) {
  constexpr std::int64_t kCount = kMlpTokens * kMlpWidth;
  const std::vector<std::uint16_t> d_y = values(kCount);
  const std::vector<std::uint16_t> gate = values(kCount);
  const std::vector<std::uint16_t> up = values(kCount);
  std::vector<std::uint16_t> d_gate = gate;
  std::vector<std::uint16_t> d_up = up;
  const kernels::SwigluBackward args{
      d_y.data(), gate.data(), up.data(), d_gate.data(), d_up.data(), kCount, DType::kBF16};
  run_against_roofline(
      state, roofline(), 10 * kCount, [&] { table().swiglu_backward(args, launch()); });
}

void gelu_forward(benchmark::State& state) {
  constexpr std::int64_t kCount = kMlpTokens * kMlpWidth;
  const auto kind = static_cast<kernels::GeluKind>(state.range(0));
  const std::vector<std::uint16_t> x = values(kCount);
  std::vector<std::uint16_t> y = x;
  const kernels::GeluForward args{x.data(), y.data(), kCount, kind, DType::kBF16};
  run_against_roofline(
      state, roofline(), 4 * kCount, [&] { table().gelu_forward(args, launch()); });
}

void add(benchmark::State& state) {
  constexpr std::int64_t kCount = kTokens * kWidth;
  const std::vector<std::uint16_t> a = values(kCount);
  std::vector<std::uint16_t> y = a;
  const kernels::Add args{a.data(), y.data(), y.data(), kCount, DType::kBF16};
  run_against_roofline(state, roofline(), 6 * kCount, [&] { table().add(args, launch()); });
}

// The logits become gradients, which are logits again for the next iteration: what they hold does
// not change the work.
void cross_entropy(benchmark::State& state) {
  std::vector<std::uint16_t> logits = values(kLossRows * kVocabulary);
  std::vector<std::int32_t> targets(kLossRows);
  for (std::size_t r = 0; r < targets.size(); ++r) {
    targets[r] = static_cast<std::int32_t>(r * 95 % kVocabulary);
  }
  const float scale = 1.0F / kLossRows;
  std::vector<float> loss(kLossRows);
  const kernels::CrossEntropy args{.logits = logits.data(),
                                   .targets = targets.data(),
                                   .scale = &scale,
                                   .loss = loss.data(),
                                   .rows = kLossRows,
                                   .vocabulary = kVocabulary,
                                   .is_forward_only = false,
                                   .dtype = DType::kBF16};
  run_against_roofline(state, roofline(), 4 * kLossRows * kVocabulary, [&] {
    table().cross_entropy(args, launch());
  });
}

void cached_attention(benchmark::State& state) {
  constexpr std::int64_t kLength = 131072;
  constexpr std::int64_t kKvHeads = 3;
  const std::vector<std::uint16_t> q = values(kHeads * kHeadDim);
  const std::vector<std::uint16_t> keys = values(kLength * kKvHeads * kHeadDim);
  const std::vector<std::uint16_t> cached_values = values(kLength * kKvHeads * kHeadDim);
  std::vector<std::uint16_t> y = q;
  std::vector<float> scratch(
      static_cast<std::size_t>(kernels::cached_attention_scratch(kLength, kHeads, kHeadDim)) /
      sizeof(float));
  const kernels::CachedAttention args{.q = q.data(),
                                      .keys = keys.data(),
                                      .values = cached_values.data(),
                                      .y = y.data(),
                                      .scratch = scratch.data(),
                                      .length = kLength,
                                      .heads = kHeads,
                                      .kv_heads = kKvHeads,
                                      .head_dim = kHeadDim,
                                      .window = 0,
                                      .scale = 0.125F,
                                      .dtype = DType::kBF16};
  run_against_roofline(state, roofline(), 4 * kLength * kKvHeads * kHeadDim, [&] {
    table().cached_attention(args, launch());
  });
}

BENCHMARK(rms_norm_forward)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(rms_norm_backward)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(rotary)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(swiglu_forward)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(swiglu_backward)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(gelu_forward)
    ->ArgName("kind")
    ->Arg(static_cast<std::int64_t>(kernels::GeluKind::kErf))
    ->Arg(static_cast<std::int64_t>(kernels::GeluKind::kTanh))
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(add)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(cross_entropy)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(cached_attention)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace longhaul::bench
