#include "kernels/device/columns.cuh"
#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/norm/rms_norm.h"

namespace longhaul::kernels {
namespace {

template <class T, int kThreads>
__global__ void forward_kernel(RmsNormForward args) {
  const RowOfThread<kThreads> at;
  if (at.row >= args.rows) return;  // whole groups leave together
  const T* x = static_cast<const T*>(args.x) + at.row * args.width;
  const T* gain = static_cast<const T*>(args.gain);
  T* y = static_cast<T*>(args.y) + at.row * args.width;
  float squares = 0.0F;
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    const float value = to_float(x[c]);
    squares = fmaf(value, value, squares);
  }
  const float mean = sum_of_group<kThreads>(squares) / static_cast<float>(args.width);
  const float rstd = 1.0F / sqrtf(mean + args.epsilon);
  if (at.lane == 0) args.rstd[at.row] = rstd;
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    assign(y[c], to_float(x[c]) * rstd * to_float(gain[c]));
  }
}

template <class T, int kThreads>
__global__ void backward_kernel(RmsNormBackward args) {
  const RowOfThread<kThreads> at;
  if (at.row >= args.rows) return;
  const std::int64_t first = at.row * args.width;
  const T* d_y = static_cast<const T*>(args.d_y) + first;
  const T* x = static_cast<const T*>(args.x) + first;
  const T* gain = static_cast<const T*>(args.gain);
  const T* d_residual = static_cast<const T*>(args.d_residual);
  T* d_x = static_cast<T*>(args.d_x) + first;
  const float rstd = args.rstd[at.row];
  float projection = 0.0F;
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    projection = fmaf(to_float(d_y[c]) * to_float(gain[c]), to_float(x[c]) * rstd, projection);
  }
  const float mean = sum_of_group<kThreads>(projection) / static_cast<float>(args.width);
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    const float t = to_float(d_y[c]) * to_float(gain[c]);
    float result = rstd * fmaf(-(to_float(x[c]) * rstd), mean, t);
    if (d_residual != nullptr) result += to_float(d_residual[first + c]);
    assign(d_x[c], result);
  }
}

// One thread per column and chunk of rows.
template <class T>
__global__ void gain_partials_kernel(RmsNormBackward args) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x;
  if (c >= args.width) return;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * kRowsPerChunk;
  const std::int64_t end = min(begin + kRowsPerChunk, args.rows);
  const T* d_y = static_cast<const T*>(args.d_y);
  const T* x = static_cast<const T*>(args.x);
  float sum = 0.0F;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t i = r * args.width + c;
    sum = fmaf(to_float(d_y[i]), to_float(x[i]) * args.rstd[r], sum);
  }
  args.scratch[blockIdx.x * args.width + c] = sum;
}

template <class T>
void forward(const RmsNormForward& args, cudaStream_t stream) {
  const unsigned blocks = blocks_of_rows(args.rows, args.width);
  if (is_narrow(args.width)) {
    enqueue(forward_kernel<T, 32>, {blocks, 32 * kNarrowRowsPerBlock}, stream, args);
  } else {
    enqueue(forward_kernel<T, kWideRow>, {blocks, kWideRow}, stream, args);
  }
}

// The gain's gradient first: d_x may overwrite d_y.
template <class T>
void gain_gradient(const RmsNormBackward& args, cudaStream_t stream) {
  const std::int64_t chunks = chunk_count(args.rows, kRowsPerChunk);
  const unsigned columns = blocks_of_columns(args.width);
  if (chunks > 0) {
    const dim3 grid(static_cast<unsigned>(chunks), columns);
    enqueue(gain_partials_kernel<T>, {grid, kColumnThreads}, stream, args);
  }
  enqueue(fold_partials_kernel<T>,
          {columns, kColumnThreads},
          stream,
          args.scratch,
          chunks,
          args.width,
          args.width,
          static_cast<T*>(args.d_gain));
}

template <class T>
void backward(const RmsNormBackward& args, cudaStream_t stream) {
  if (args.d_gain != nullptr) gain_gradient<T>(args, stream);
  if (args.rows == 0) return;
  const unsigned blocks = blocks_of_rows(args.rows, args.width);
  if (is_narrow(args.width)) {
    enqueue(backward_kernel<T, 32>, {blocks, 32 * kNarrowRowsPerBlock}, stream, args);
  } else {
    enqueue(backward_kernel<T, kWideRow>, {blocks, kWideRow}, stream, args);
  }
}

}  // namespace

void rms_norm_forward_cuda(const RmsNormForward& args, const Launch& launch) {
  check(args);
  if (args.rows == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? forward<float>(args, stream) : forward<Bf16>(args, stream);
}

void rms_norm_backward_cuda(const RmsNormBackward& args, const Launch& launch) {
  check(args);
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? backward<float>(args, stream) : backward<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
