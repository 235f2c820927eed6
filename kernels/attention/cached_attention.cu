#include <algorithm>

#include "kernels/attention/cached_attention.h"
#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/device/reduce.cuh"

namespace longhaul::kernels {
namespace {

constexpr int kThreads = 256;
static_assert(kThreads == kKeysPerChunk, "one thread per key in the softmax");

// Keys [first, length) are attended to; none where the token is beyond the cache.
struct Attended {
  std::int64_t first = 0;
  std::int64_t length;

  __device__ explicit Attended(const CachedAttention& args) : length(args.length) {
    if (args.position != nullptr) {
      const std::int64_t position = *args.position;
      length = position >= 0 && position < args.length ? position + 1 : 0;
    }
    if (args.window != 0 && args.window < length) first = length - args.window;
  }
};

// One thread per element of the new key and value.
template <class T>
__global__ void append_kernel(CachedAttention args) {
  const std::int64_t width = args.kv_heads * args.head_dim;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t row = Attended(args).length - 1;
  if (i >= width || row < 0) return;
  T* keys = static_cast<T*>(const_cast<void*>(args.keys));
  T* values = static_cast<T*>(const_cast<void*>(args.values));
  keys[row * width + i] = static_cast<const T*>(args.new_key)[i];
  values[row * width + i] = static_cast<const T*>(args.new_value)[i];
}

// Scratch, per head and chunk: maximum, sum, [head_dim] weighted sums of values.
__device__ float* partial_of(const CachedAttention& args, std::int64_t head, std::int64_t chunk) {
  const std::int64_t chunks = (args.length + kKeysPerChunk - 1) / kKeysPerChunk;
  return args.scratch + (head * chunks + chunk) * (args.head_dim + 2);
}

// scores[k] = scale * q . key (begin + k), -infinity for keys before `first` or beyond the cache.
// A warp takes every eighth key.
template <class T>
__device__ void score_keys(const CachedAttention& args,
                           std::int64_t head,
                           std::int64_t begin,
                           const Attended& attended,
                           float* scores) {
  const std::int64_t group = head / (args.heads / args.kv_heads);
  const T* q = static_cast<const T*>(args.q) + head * args.head_dim;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int k = static_cast<int>(threadIdx.x) / 32; k < kKeysPerChunk; k += kThreads / 32) {
    const std::int64_t j = begin + k;
    const bool is_attended = j >= attended.first && j < attended.length;
    float dot = 0.0F;
    if (is_attended) {
      const T* key = static_cast<const T*>(args.keys) + (j * args.kv_heads + group) * args.head_dim;
      for (std::int64_t d = lane; d < args.head_dim; d += 32) {
        dot = fmaf(to_float(q[d]), to_float(key[d]), dot);
      }
    }
    dot = sum_of_group<32>(dot);
    if (lane == 0) scores[k] = is_attended ? dot * args.scale : -INFINITY;
  }
}

// One block per chunk of keys and head.
template <class T>
__global__ void attend_kernel(CachedAttention args) {
  __shared__ float weights[kKeysPerChunk];
  const Attended attended(args);
  const std::int64_t head = blockIdx.y;
  const std::int64_t chunk = blockIdx.x;
  const std::int64_t begin = chunk * kKeysPerChunk;
  if (chunk < attended.first / kKeysPerChunk || begin >= attended.length) return;
  score_keys<T>(args, head, begin, attended, weights);
  __syncthreads();
  const float score = weights[threadIdx.x];
  const float maximum = maximum_of_group<kThreads>(score);
  const float weight = expf(score - maximum);
  weights[threadIdx.x] = weight;
  const float sum = sum_of_group<kThreads>(weight);  // synchronises: all weights are written
  float* partial = partial_of(args, head, chunk);
  if (threadIdx.x == 0) {
    partial[0] = maximum;
    partial[1] = sum;
  }
  const std::int64_t group = head / (args.heads / args.kv_heads);
  const std::int64_t last = min(begin + kKeysPerChunk, attended.length);
  for (std::int64_t d = threadIdx.x; d < args.head_dim; d += kThreads) {
    const T* values = static_cast<const T*>(args.values) + group * args.head_dim + d;
    float weighted = 0.0F;
    for (std::int64_t j = max(begin, attended.first); j < last; ++j) {
      const float value = to_float(values[j * args.kv_heads * args.head_dim]);
      weighted = fmaf(weights[j - begin], value, weighted);
    }
    partial[2 + d] = weighted;
  }
}

// The chunks of a head in index order; one block per head.
template <class T>
__global__ void combine_kernel(CachedAttention args) {
  const Attended attended(args);
  const std::int64_t head = blockIdx.x;
  const std::int64_t first_chunk = attended.first / kKeysPerChunk;
  const std::int64_t chunks = (attended.length + kKeysPerChunk - 1) / kKeysPerChunk;
  float maximum = -INFINITY;
  for (std::int64_t chunk = first_chunk; chunk < chunks; ++chunk) {
    maximum = fmaxf(maximum, partial_of(args, head, chunk)[0]);
  }
  float sum = 0.0F;
  for (std::int64_t chunk = first_chunk; chunk < chunks; ++chunk) {
    const float* partial = partial_of(args, head, chunk);
    sum = fmaf(partial[1], expf(partial[0] - maximum), sum);
  }
  T* y = static_cast<T*>(args.y) + head * args.head_dim;
  for (std::int64_t d = threadIdx.x; d < args.head_dim; d += blockDim.x) {
    float weighted = 0.0F;
    for (std::int64_t chunk = first_chunk; chunk < chunks; ++chunk) {
      const float* partial = partial_of(args, head, chunk);
      weighted = fmaf(expf(partial[0] - maximum), partial[2 + d], weighted);
    }
    assign(y[d], weighted / sum);
  }
}

template <class T>
void attend(const CachedAttention& args, cudaStream_t stream) {
  if (args.position != nullptr) {
    const std::int64_t width = args.kv_heads * args.head_dim;
    const auto blocks = static_cast<unsigned>(chunk_count(width, kThreads));
    enqueue(append_kernel<T>, {blocks, kThreads}, stream, args);
  }
  const auto chunks = static_cast<unsigned>(chunk_count(args.length, kKeysPerChunk));
  const auto heads = static_cast<unsigned>(args.heads);
  enqueue(attend_kernel<T>, {{chunks, heads}, kThreads}, stream, args);
  const auto threads = static_cast<unsigned>(std::clamp<std::int64_t>(args.head_dim, 32, 256));
  enqueue(combine_kernel<T>, {heads, threads}, stream, args);
}

}  // namespace

void cached_attention_cuda(const CachedAttention& args, const Launch& launch) {
  check(args);
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? attend<float>(args, stream) : attend<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
