// What the benchmarks of the kernels share: buffers, and the memory bandwidth that a kernel is held
// against. The bandwidth of a machine jumps within seconds, so every iteration times the kernel
// and, right after it, an in-place read-modify-write of as many bytes; the ratios count.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "longhaul/core/thread_pool.h"

#include "kernels/table.h"

namespace longhaul::bench {

// Far beyond any last-level cache that the figures are about.
inline constexpr std::int64_t kRooflineBytes = std::int64_t{256} << 20;

class Roofline {
 public:
  explicit Roofline(ThreadPool& pool)
      : pool_(pool), memory_(kRooflineBytes / sizeof(float), 1.0F) {}

  // Reads and writes `bytes` in all, half each, cyclically over the buffer; returns seconds.
  double seconds_for(std::int64_t bytes) {
    const auto begin = std::chrono::steady_clock::now();
    constexpr std::int64_t kChunk = 16384;  // elements
    const std::int64_t chunks = bytes / (2 * static_cast<std::int64_t>(sizeof(float)) * kChunk);
    const std::int64_t available = static_cast<std::int64_t>(memory_.size()) / kChunk;
    pool_.parallel_for(chunks, [&](std::int64_t chunk, int) {
      add_one(memory_.data() + chunk % available * kChunk, kChunk);
    });
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
#if defined(__x86_64__)
  __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
  static void
  add_one(float* memory, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) memory[i] += 1.0F;
  }

  ThreadPool& pool_;
  std::vector<float> memory_;
};

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// Times `kernel`, which moves `bytes`, against the roofline. Counters: GB/s of both, and the median
// of the interleaved ratios in percent.
template <class Kernel>
void run_against_roofline(benchmark::State& state,
                          Roofline& roofline,
                          std::int64_t bytes,
                          Kernel kernel) {
  std::vector<double> seconds;
  std::vector<double> shares;
  kernel();
  for (auto _ : state) {
    const double before = roofline.seconds_for(bytes);
    const auto begin = std::chrono::steady_clock::now();
    kernel();
    const double own =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double after = roofline.seconds_for(bytes);
    state.SetIterationTime(own);
    seconds.push_back(own);
    shares.push_back(0.5 * (before + after) / own);
  }
  const auto size = static_cast<double>(bytes);
  state.counters["GB/s"] = size / median(seconds) / 1e9;
  state.counters["roofline_GB/s"] = size / median(seconds) / median(shares) / 1e9;
  state.counters["percent"] = 100.0 * median(shares);
}

}  // namespace longhaul::bench
