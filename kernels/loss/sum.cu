#include "kernels/device/double_lanes.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/loss/sum.h"

namespace longhaul::kernels {
namespace {

constexpr int kThreads = 128;
constexpr int kChunksPerBlock = kThreads / kLanesPerChunk;

__global__ void chunks_kernel(Sum args, std::int64_t chunks) {
  const std::int64_t chunk =
      static_cast<std::int64_t>(blockIdx.x) * kChunksPerBlock + threadIdx.x / kLanesPerChunk;
  const int lane = static_cast<int>(threadIdx.x) % kLanesPerChunk;
  const std::int64_t begin = chunk * kSumChunk;
  const std::int64_t end = min(begin + kSumChunk, args.count);
  double sum = 0.0;
  for (std::int64_t i = begin + lane; i < end; i += kLanesPerChunk) {
    sum += static_cast<double>(args.x[i]);
  }
  sum = fold_lanes(sum);
  if (lane == 0 && chunk < chunks) args.scratch[chunk] = sum;
}

__global__ void fold_kernel(Sum args, std::int64_t chunks) {
  double sum = 0.0;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) sum += args.scratch[chunk];
  *args.sum = args.accumulates ? *args.sum + sum : sum;
}

}  // namespace

void sum_cuda(const Sum& args, const Launch& launch) {
  check(args);
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const std::int64_t chunks = chunk_count(args.count, kSumChunk);
  if (chunks > 0) {
    const auto blocks = static_cast<unsigned>(chunk_count(chunks, kChunksPerBlock));
    enqueue(chunks_kernel, {blocks, kThreads}, stream, args, chunks);
  }
  enqueue(fold_kernel, {1, 1}, stream, args, chunks);
}

}  // namespace longhaul::kernels
