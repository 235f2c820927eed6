// The kernels that a step's optimizer is made of, against an in-place read-modify-write with the
// same traffic.
#include <cstdint>
#include <vector>

#include "benchmarks/kernels/roofline.h"

namespace longhaul::bench {
namespace {

constexpr std::int64_t kParameters = std::int64_t{1} << 24;  // 436 MB of bf16 states

ThreadPool& pool() {
  static ThreadPool pool(usable_cores());
  return pool;
}

Roofline& roofline() {
  static Roofline roofline(pool());
  return roofline;
}

kernels::AdamWScalars scalars() {
  return kernels::make_adamw_scalars({.learning_rate = 1e-5,
                                      .beta1 = 0.9,
                                      .beta2 = 0.999,
                                      .epsilon = 1e-8,
                                      .weight_decay = 0.01,
                                      .beta1_power = 0.9,
                                      .beta2_power = 0.999,
                                      .clip = 0.5F,
                                      .is_skipped = false});
}

void adamw_bf16(benchmark::State& state) {
  std::vector<std::uint16_t> weight(kParameters, 0x3D00);
  std::vector<std::int16_t> remainder(kParameters, 5);
  std::vector<float> momentum(kParameters, 1e-3F);
  std::vector<float> variance(kParameters, 1e-6F);
  std::vector<std::uint16_t> gradient(kParameters, 0x3A80);
  const kernels::AdamWScalars step = scalars();
  const kernels::AdamWBf16 args{weight.data(),
                                remainder.data(),
                                momentum.data(),
                                variance.data(),
                                gradient.data(),
                                &step,
                                kParameters};
  run_against_roofline(state, roofline(), 26 * kParameters, [&] {
    kernels::host_kernels().adamw_bf16(args, {&pool(), nullptr});
  });
}
BENCHMARK(adamw_bf16)->UseManualTime()->Unit(benchmark::kMillisecond);

void adamw_fp32(benchmark::State& state) {
  std::vector<float> weight(kParameters, 0.1F);
  std::vector<float> momentum(kParameters, 1e-3F);
  std::vector<float> variance(kParameters, 1e-6F);
  std::vector<float> gradient(kParameters, 1e-3F);
  const kernels::AdamWScalars step = scalars();
  const kernels::AdamWFp32 args{
      weight.data(), momentum.data(), variance.data(), gradient.data(), &step, kParameters};
  run_against_roofline(state, roofline(), 28 * kParameters, [&] {
    kernels::host_kernels().adamw_fp32(args, {&pool(), nullptr});
  });
}
BENCHMARK(adamw_fp32)->UseManualTime()->Unit(benchmark::kMillisecond);

void sum_of_squares_bf16(benchmark::State& state) {
  const std::vector<std::uint16_t> gradient(kParameters, 0x3A80);
  const std::int64_t chunks = kernels::chunk_count(kParameters, kernels::kNormChunk);
  std::vector<double> sums(static_cast<std::size_t>(chunks));
  std::vector<std::int64_t> nonfinite(static_cast<std::size_t>(chunks));
  const kernels::SumOfSquares args{
      gradient.data(), sums.data(), nonfinite.data(), kParameters, DType::kBF16};
  run_against_roofline(state, roofline(), 2 * kParameters, [&] {
    kernels::host_kernels().sum_of_squares(args, {&pool(), nullptr});
  });
}
BENCHMARK(sum_of_squares_bf16)->UseManualTime()->Unit(benchmark::kMillisecond);

void accumulate_bf16(benchmark::State& state) {
  std::vector<float> accumulator(kParameters, 0.0F);
  const std::vector<std::uint16_t> gradient(kParameters, 0x3A80);
  const kernels::Accumulate args{
      accumulator.data(), gradient.data(), kParameters, false, DType::kBF16};
  run_against_roofline(state, roofline(), 10 * kParameters, [&] {
    kernels::host_kernels().accumulate(args, {&pool(), nullptr});
  });
}
BENCHMARK(accumulate_bf16)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace longhaul::bench
