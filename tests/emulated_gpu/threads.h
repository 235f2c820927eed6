// An emulated GPU for machines without one: the .cu files of kernels/ compiled as C++, every thread
// of a block a fiber, and CUDA's runtime as streams that are threads of the host. Stricter than a
// GPU where that finds mistakes: device memory and shared memory begin as NaN, the host cannot read
// device memory while the device is idle, warps and lanes run in changing orders, values of lanes
// that do not take part are NaN, and a barrier that some threads miss ends the program.
//
// This header is what device code sees (the built-in variables and functions); it is included
// before everything else in a .cu file.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#include <cuda_runtime_api.h>

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
#define __shared__ static thread_local
#define __launch_bounds__(...)

namespace longhaul::emulated_gpu {

struct Launch {
  const void* kernel;
  dim3 blocks;
  unsigned threads;
  std::size_t shared;
};

// Checks the launch as a GPU does and enqueues it.
cudaError_t launch(const Launch& launch, cudaStream_t stream, const std::function<void()>& call);

// Of the device thread that runs.
struct Place {
  uint3 thread;
  uint3 block;
  dim3 threads;
  dim3 blocks;
};
const Place& place();
std::byte* shared_of_block();

void synchronize_block();
// Gives `own` to the warp and returns the value of lane `source` of it, NaN where that lane does
// not take part. All lanes of `mask` that have not ended call.
std::uint64_t exchange(unsigned mask, std::uint64_t own, unsigned source);
// Gives `own` to the whole warp and fetches what every lane gave.
void gather(std::uint64_t own, std::uint64_t (&all)[32]);

template <class T>
T shuffle(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(mask, bits, source);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

inline unsigned lane() {
  return place().thread.x % 32;
}

}  // namespace longhaul::emulated_gpu

#define threadIdx (::longhaul::emulated_gpu::place().thread)
#define blockIdx (::longhaul::emulated_gpu::place().block)
#define blockDim (::longhaul::emulated_gpu::place().threads)
#define gridDim (::longhaul::emulated_gpu::place().blocks)

inline void __syncthreads() {
  ::longhaul::emulated_gpu::synchronize_block();
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFU) {
  ::longhaul::emulated_gpu::exchange(mask, 0, ::longhaul::emulated_gpu::lane());
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int other, int width = 32) {
  const unsigned lane = ::longhaul::emulated_gpu::lane();
  const unsigned source = lane ^ static_cast<unsigned>(other);
  const bool is_within =
      source / static_cast<unsigned>(width) <= lane / static_cast<unsigned>(width);
  return ::longhaul::emulated_gpu::shuffle(mask, value, is_within ? source : lane);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned lane = ::longhaul::emulated_gpu::lane();
  const bool is_within = lane % static_cast<unsigned>(width) + delta < static_cast<unsigned>(width);
  return ::longhaul::emulated_gpu::shuffle(mask, value, is_within ? lane + delta : lane);
}

inline float __uint_as_float(std::uint32_t bits) {
  float value = 0.0F;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
inline std::uint32_t __float_as_uint(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline float normcdff(float x) {
  return static_cast<float>(0.5 * std::erfc(-static_cast<double>(x) * 0.70710678118654752));
}
using std::isfinite;
using std::isnan;
template <class T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}
