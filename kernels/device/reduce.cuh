// Reductions over the threads that share a row, in an order that depends on kThreads alone.
#pragma once

namespace longhaul::kernels {

struct SumOf {
  __device__ static float identity() { return 0.0F; }
  __device__ static float combine(float a, float b) { return a + b; }
};

// NaN is lost here; whoever takes a maximum also forms a sum that keeps it.
struct MaximumOf {
  __device__ static float identity() { return -INFINITY; }
  __device__ static float combine(float a, float b) { return fmaxf(a, b); }
};

// Butterflies within warps, then across them. kThreads is 32 (a warp by itself) or the block size,
// a multiple of 32; every thread of the group calls and gets the result.
template <int kThreads, class Reduction>
__device__ float reduce(float x) {
  for (int step = 16; step >= 1; step /= 2) {
    x = Reduction::combine(x, __shfl_xor_sync(0xFFFFFFFFU, x, step));
  }
  if constexpr (kThreads > 32) {
    __shared__ float of_warp[kThreads / 32];
    __syncthreads();  // the array may still be read by the previous call
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
    __syncthreads();
    x = Reduction::identity();
    for (int warp = 0; warp < kThreads / 32; ++warp) x = Reduction::combine(x, of_warp[warp]);
  }
  return x;
}

template <int kThreads>
__device__ float sum_of_group(float x) {
  return reduce<kThreads, SumOf>(x);
}

template <int kThreads>
__device__ float maximum_of_group(float x) {
  return reduce<kThreads, MaximumOf>(x);
}

}  // namespace longhaul::kernels
