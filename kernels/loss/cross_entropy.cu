#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/loss/cross_entropy.h"

namespace longhaul::kernels {
namespace {

constexpr int kThreads = 512;  // of a block, which has one row

struct RowStatistics {
  float maximum;
  float sum;  // of exp(z - maximum)
};

template <class T>
__device__ RowStatistics statistics_of(const T* logits, std::int64_t columns) {
  float maximum = -INFINITY;
  for (std::int64_t c = threadIdx.x; c < columns; c += kThreads) {
    maximum = fmaxf(maximum, to_float(logits[c]));
  }
  maximum = maximum_of_group<kThreads>(maximum);
  float sum = 0.0F;
  for (std::int64_t c = threadIdx.x; c < columns; c += kThreads) {
    sum += expf(to_float(logits[c]) - maximum);
  }
  return {maximum, sum_of_group<kThreads>(sum)};
}

// Online softmax: Milakov & Gimelshein 2018, algorithm 3, with tiles for elements.
__device__ RowStatistics combine(RowStatistics a, RowStatistics b) {
  const float maximum = fmaxf(a.maximum, b.maximum);
  return {maximum, a.sum * expf(a.maximum - maximum) + b.sum * expf(b.maximum - maximum)};
}

__device__ float loss_of(RowStatistics row, float target_logit) {
  return logf(row.sum) + (row.maximum - target_logit);
}

// `target` counts from the first of these columns; outside of them it is ignored.
template <class T>
__device__ void gradient_row(
    T* logits, std::int64_t columns, RowStatistics row, std::int64_t target, float scale) {
  const float inverse = 1.0F / row.sum;
  const float factor = inverse * scale;
  for (std::int64_t c = threadIdx.x; c < columns; c += kThreads) {
    const float exponential = expf(to_float(logits[c]) - row.maximum);
    const float hit = (exponential * inverse - 1.0F) * scale;
    assign(logits[c], c == target ? hit : exponential * factor);
  }
}

template <class T>
__device__ void zero_row(T* logits, std::int64_t columns) {
  for (std::int64_t c = threadIdx.x; c < columns; c += kThreads) assign(logits[c], 0.0F);
}

template <class T>
__global__ void whole_kernel(CrossEntropy args) {
  const std::int64_t r = blockIdx.x;
  T* logits = static_cast<T*>(args.logits) + r * args.vocabulary;
  const std::int32_t target = args.targets[r];
  if (target == kNoTarget) {
    if (threadIdx.x == 0) args.loss[r] = 0.0F;
    if (!args.is_forward_only) zero_row(logits, args.vocabulary);
    return;
  }
  const RowStatistics row = statistics_of(logits, args.vocabulary);
  if (threadIdx.x == 0) args.loss[r] = loss_of(row, to_float(logits[target]));
  if (args.is_forward_only) return;
  __syncthreads();  // the target's logit has been read
  gradient_row(logits, args.vocabulary, row, target, *args.scale);
}

template <class T>
__global__ void tile_kernel(LogSumExpTile args) {
  const std::int64_t r = blockIdx.x;
  const T* logits = static_cast<const T*>(args.logits) + r * args.columns;
  RowStatistics row = statistics_of(logits, args.columns);
  if (threadIdx.x != 0) return;
  if (args.first_column != 0) row = combine({args.maximum[r], args.sum[r]}, row);
  args.maximum[r] = row.maximum;
  args.sum[r] = row.sum;
  const std::int64_t target = args.targets[r] - args.first_column;
  if (args.targets[r] != kNoTarget && target >= 0 && target < args.columns) {
    args.target_logit[r] = to_float(logits[target]);
  }
}

__global__ void loss_kernel(CrossEntropyLoss args) {
  const std::int64_t r = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (r >= args.rows) return;
  const float loss = loss_of({args.maximum[r], args.sum[r]}, args.target_logit[r]);
  args.loss[r] = args.targets[r] == kNoTarget ? 0.0F : loss;
}

template <class T>
__global__ void gradient_kernel(CrossEntropyGradientTile args) {
  const std::int64_t r = blockIdx.x;
  T* logits = static_cast<T*>(args.logits) + r * args.columns;
  if (args.targets[r] == kNoTarget) {
    zero_row(logits, args.columns);
    return;
  }
  const std::int64_t target = args.targets[r] - args.first_column;
  gradient_row(logits, args.columns, {args.maximum[r], args.sum[r]}, target, *args.scale);
}

}  // namespace

void cross_entropy_cuda(const CrossEntropy& args, const Launch& launch) {
  check(args);
  if (args.rows == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const auto blocks = static_cast<unsigned>(args.rows);
  if (args.dtype == DType::kF32) {
    enqueue(whole_kernel<float>, {blocks, kThreads}, stream, args);
  } else {
    enqueue(whole_kernel<Bf16>, {blocks, kThreads}, stream, args);
  }
}

void log_sum_exp_tile_cuda(const LogSumExpTile& args, const Launch& launch) {
  check(args);
  if (args.rows == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const auto blocks = static_cast<unsigned>(args.rows);
  if (args.dtype == DType::kF32) {
    enqueue(tile_kernel<float>, {blocks, kThreads}, stream, args);
  } else {
    enqueue(tile_kernel<Bf16>, {blocks, kThreads}, stream, args);
  }
}

void cross_entropy_loss_cuda(const CrossEntropyLoss& args, const Launch& launch) {
  check(args);
  if (args.rows == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const auto blocks = static_cast<unsigned>(chunk_count(args.rows, kThreads));
  enqueue(loss_kernel, {blocks, kThreads}, stream, args);
}

void cross_entropy_gradient_tile_cuda(const CrossEntropyGradientTile& args, const Launch& launch) {
  check(args);
  if (args.rows == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const auto blocks = static_cast<unsigned>(args.rows);
  if (args.dtype == DType::kF32) {
    enqueue(gradient_kernel<float>, {blocks, kThreads}, stream, args);
  } else {
    enqueue(gradient_kernel<Bf16>, {blocks, kThreads}, stream, args);
  }
}

}  // namespace longhaul::kernels
