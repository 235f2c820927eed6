#include "kernels/device/columns.cuh"
#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/elementwise/bias.h"

namespace longhaul::kernels {
namespace {

// One thread per column and chunk of rows.
template <class T>
__global__ void forward_kernel(BiasForward args) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x;
  if (c >= args.width) return;
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const float bias = to_float(static_cast<const T*>(args.bias)[c]);
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * kRowsPerChunk;
  const std::int64_t end = min(begin + kRowsPerChunk, args.rows);
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t i = r * args.width + c;
    assign(y[i], to_float(x[i]) + bias);
  }
}

template <class T>
__global__ void partials_kernel(BiasBackward args) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x;
  if (c >= args.width) return;
  const T* d_y = static_cast<const T*>(args.d_y);
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * kRowsPerChunk;
  const std::int64_t end = min(begin + kRowsPerChunk, args.rows);
  float sum = 0.0F;
  for (std::int64_t r = begin; r < end; ++r) sum += to_float(d_y[r * args.width + c]);
  args.scratch[blockIdx.x * args.width + c] = sum;
}

dim3 grid_of(std::int64_t rows, std::int64_t width) {
  return {static_cast<unsigned>(chunk_count(rows, kRowsPerChunk)), blocks_of_columns(width)};
}

template <class T>
void forward(const BiasForward& args, cudaStream_t stream) {
  enqueue(forward_kernel<T>, {grid_of(args.rows, args.width), kColumnThreads}, stream, args);
}

template <class T>
void backward(const BiasBackward& args, cudaStream_t stream) {
  if (args.rows > 0) {
    enqueue(partials_kernel<T>, {grid_of(args.rows, args.width), kColumnThreads}, stream, args);
  }
  enqueue(fold_partials_kernel<T>,
          {blocks_of_columns(args.width), kColumnThreads},
          stream,
          args.scratch,
          chunk_count(args.rows, kRowsPerChunk),
          args.width,
          args.width,
          static_cast<T*>(args.d_bias));
}

}  // namespace

void bias_forward_cuda(const BiasForward& args, const Launch& launch) {
  check(args);
  if (args.rows == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? forward<float>(args, stream) : forward<Bf16>(args, stream);
}

void bias_backward_cuda(const BiasBackward& args, const Launch& launch) {
  check(args);
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? backward<float>(args, stream) : backward<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
