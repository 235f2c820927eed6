#include "kernels/device/columns.cuh"
#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/embedding/embedding.h"

namespace longhaul::kernels {
namespace {

// One thread per token and column.
template <class T>
__global__ void forward_kernel(EmbeddingForward args) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x;
  if (c >= args.width) return;
  const std::int64_t t = blockIdx.x;
  const T* table = static_cast<const T*>(args.table);
  static_cast<T*>(args.y)[t * args.width + c] = table[args.ids[t] * args.width + c];
}

// A block stands at one position of the sorted order and does the run that begins there, if one
// does.
template <class T, class TableT>
__global__ void backward_kernel(EmbeddingBackward args) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x;
  const std::int64_t first = blockIdx.x;
  const std::int64_t id = args.ids[args.order[first]];
  const bool begins = first == 0 || args.ids[args.order[first - 1]] != id;
  if (c >= args.width || !begins) return;
  const T* d_y = static_cast<const T*>(args.d_y);
  float sum = to_float(d_y[args.order[first] * args.width + c]);
  for (std::int64_t i = first + 1; i < args.tokens && args.ids[args.order[i]] == id; ++i) {
    sum += to_float(d_y[args.order[i] * args.width + c]);
  }
  TableT& element = static_cast<TableT*>(args.d_table)[id * args.width + c];
  assign(element, to_float(element) + round_to<T>(sum));
}

dim3 grid_of(std::int64_t tokens, std::int64_t width) {
  return {static_cast<unsigned>(tokens), blocks_of_columns(width)};
}

}  // namespace

void embedding_forward_cuda(const EmbeddingForward& args, const Launch& launch) {
  check(args);
  if (args.tokens == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const dim3 grid = grid_of(args.tokens, args.width);
  if (args.dtype == DType::kF32) {
    enqueue(forward_kernel<float>, {grid, kColumnThreads}, stream, args);
  } else {
    enqueue(forward_kernel<Bf16>, {grid, kColumnThreads}, stream, args);
  }
}

void embedding_backward_cuda(const EmbeddingBackward& args, const Launch& launch) {
  check(args);
  if (args.tokens == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  const dim3 grid = grid_of(args.tokens, args.width);
  if (args.dtype == DType::kF32) {
    enqueue(backward_kernel<float, float>, {grid, kColumnThreads}, stream, args);
  } else if (args.table_dtype == DType::kF32) {
    enqueue(backward_kernel<Bf16, float>, {grid, kColumnThreads}, stream, args);
  } else {
    enqueue(backward_kernel<Bf16, Bf16>, {grid, kColumnThreads}, stream, args);
  }
}

}  // namespace longhaul::kernels
