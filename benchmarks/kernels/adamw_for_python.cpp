// Our AdamW and an in-place read-modify-write as C functions, for compare_adamw.py.
#include <cstdint>

#include "longhaul/core/thread_pool.h"

#include "kernels/table.h"

namespace longhaul::bench {
namespace {

#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void multiply(float* memory, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; ++i) memory[i] *= factor;
}

kernels::AdamWScalars scalars_of(int step) {
  kernels::AdamWStep values{.learning_rate = 1e-5,
                            .beta1 = 0.9,
                            .beta2 = 0.999,
                            .epsilon = 1e-8,
                            .weight_decay = 0.01,
                            .beta1_power = 1.0,
                            .beta2_power = 1.0,
                            .clip = 1.0F,
                            .is_skipped = false};
  for (int i = 0; i < step; ++i) {
    values.beta1_power *= values.beta1;
    values.beta2_power *= values.beta2;
  }
  return kernels::make_adamw_scalars(values);
}

}  // namespace
}  // namespace longhaul::bench

#define LONGHAUL_EXPORT extern "C" [[gnu::visibility("default")]]

LONGHAUL_EXPORT void* longhaul_make_pool(int threads) {
  return new longhaul::ThreadPool(threads);
}

LONGHAUL_EXPORT void longhaul_adamw_fp32(void* pool,
                                         float* weight,
                                         float* momentum,
                                         float* variance,
                                         const float* gradient,
                                         std::int64_t count,
                                         int step) {
  const longhaul::kernels::AdamWScalars scalars = longhaul::bench::scalars_of(step);
  longhaul::kernels::host_kernels().adamw_fp32(
      {weight, momentum, variance, gradient, &scalars, count},
      {static_cast<longhaul::ThreadPool*>(pool), nullptr});
}

LONGHAUL_EXPORT void longhaul_adamw_bf16(void* pool,
                                         std::uint16_t* weight,
                                         std::int16_t* remainder,
                                         float* momentum,
                                         float* variance,
                                         const std::uint16_t* gradient,
                                         std::int64_t count,
                                         int step) {
  const longhaul::kernels::AdamWScalars scalars = longhaul::bench::scalars_of(step);
  longhaul::kernels::host_kernels().adamw_bf16(
      {weight, remainder, momentum, variance, gradient, &scalars, count},
      {static_cast<longhaul::ThreadPool*>(pool), nullptr});
}

// Reads and writes every number once.
LONGHAUL_EXPORT void longhaul_read_modify_write(void* pool, float* memory, std::int64_t count) {
  constexpr std::int64_t kChunk = 16384;
  static_cast<longhaul::ThreadPool*>(pool)->parallel_for(
      (count + kChunk - 1) / kChunk, [&](std::int64_t chunk, int) {
        const std::int64_t first = chunk * kChunk;
        const std::int64_t size = count - first < kChunk ? count - first : kChunk;
        longhaul::bench::multiply(memory + first, size, 1.0F);
      });
}
