#include "kernels/device/double_lanes.cuh"
#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/optim/gradient_norm.h"

namespace longhaul::kernels {
namespace {

constexpr int kThreads = 128;
constexpr int kChunksPerBlock = kThreads / kLanesPerChunk;

// The adds of a lane are in sequence, so what hides their latency is many chunks at once: 6,000
// blocks for the gradients of a model of 3 billion parameters.
template <class T>
__global__ void chunks_kernel(SumOfSquares args, std::int64_t chunks) {
  const std::int64_t chunk =
      static_cast<std::int64_t>(blockIdx.x) * kChunksPerBlock + threadIdx.x / kLanesPerChunk;
  const int lane = static_cast<int>(threadIdx.x) % kLanesPerChunk;
  const T* x = static_cast<const T*>(args.x);
  const std::int64_t begin = chunk * kNormChunk;
  const std::int64_t end = min(begin + kNormChunk, args.count);
  double squares = 0.0;
  int nonfinite = 0;
#pragma unroll 8
  for (std::int64_t i = begin + lane; i < end; i += kLanesPerChunk) {
    const float value = to_float(x[i]);
    const auto wide = static_cast<double>(value);
    squares = fma(wide, wide, squares);  // the product is exact, so this rounds like a sum
    nonfinite += isfinite(value) ? 0 : 1;
  }
  squares = fold_lanes(squares);
  for (int half = kLanesPerChunk / 2; half >= 1; half /= 2) {
    nonfinite += __shfl_down_sync(0xFFFFFFFFU, nonfinite, half, kLanesPerChunk);
  }
  if (lane == 0 && chunk < chunks) {
    args.sums[chunk] = squares;
    args.nonfinite[chunk] = nonfinite;
  }
}

// One block; its first thread adds, in index order, what all of them fetched.
__global__ void fold_kernel(FoldSums args) {
  __shared__ double sums[kThreads];
  __shared__ std::int64_t nonfinite[kThreads];
  double sum = 0.0;
  std::int64_t nonfinite_sum = 0;
  for (std::int64_t first = 0; first < args.chunks; first += kThreads) {
    const std::int64_t own = first + threadIdx.x;
    if (own < args.chunks) {
      sums[threadIdx.x] = args.sums[own];
      nonfinite[threadIdx.x] = args.nonfinite[own];
    }
    __syncthreads();
    for (int k = 0; threadIdx.x == 0 && k < kThreads && first + k < args.chunks; ++k) {
      sum += sums[k];
      nonfinite_sum += nonfinite[k];
    }
    __syncthreads();
  }
  if (threadIdx.x != 0) return;
  *args.sum = sum;
  *args.nonfinite_sum = nonfinite_sum;
}

}  // namespace

void sum_of_squares_cuda(const SumOfSquares& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const std::int64_t chunks = chunk_count(args.count, kNormChunk);
  const auto blocks = static_cast<unsigned>(chunk_count(chunks, kChunksPerBlock));
  if (args.dtype == DType::kF32) {
    enqueue(chunks_kernel<float>, {blocks, kThreads}, stream, args, chunks);
  } else {
    enqueue(chunks_kernel<Bf16>, {blocks, kThreads}, stream, args, chunks);
  }
}

void fold_sums_cuda(const FoldSums& args, const Launch& launch) {
  check(args);
  enqueue(fold_kernel, {1, kThreads}, static_cast<cudaStream_t>(launch.stream), args);
}

}  // namespace longhaul::kernels
