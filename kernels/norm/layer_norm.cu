#include "kernels/device/columns.cuh"
#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/norm/layer_norm.h"

namespace longhaul::kernels {
namespace {

template <class T, int kThreads>
__global__ void forward_kernel(LayerNormForward args) {
  const RowOfThread<kThreads> at;
  if (at.row >= args.rows) return;  // whole groups leave together
  const T* x = static_cast<const T*>(args.x) + at.row * args.width;
  const T* gain = static_cast<const T*>(args.gain);
  const T* bias = static_cast<const T*>(args.bias);
  T* y = static_cast<T*>(args.y) + at.row * args.width;
  const auto width = static_cast<float>(args.width);
  float sum = 0.0F;
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) sum += to_float(x[c]);
  const float mean = sum_of_group<kThreads>(sum) / width;
  float squares = 0.0F;
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    const float centred = to_float(x[c]) - mean;
    squares = fmaf(centred, centred, squares);
  }
  const float rstd = 1.0F / sqrtf(sum_of_group<kThreads>(squares) / width + args.epsilon);
  if (at.lane == 0) {
    args.mean[at.row] = mean;
    args.rstd[at.row] = rstd;
  }
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    const float normal = (to_float(x[c]) - mean) * rstd;
    assign(y[c], fmaf(normal, to_float(gain[c]), to_float(bias[c])));
  }
}

template <class T, int kThreads>
__global__ void backward_kernel(LayerNormBackward args) {
  const RowOfThread<kThreads> at;
  if (at.row >= args.rows) return;
  const std::int64_t first = at.row * args.width;
  const T* d_y = static_cast<const T*>(args.d_y) + first;
  const T* x = static_cast<const T*>(args.x) + first;
  const T* gain = static_cast<const T*>(args.gain);
  const T* d_residual = static_cast<const T*>(args.d_residual);
  T* d_x = static_cast<T*>(args.d_x) + first;
  const auto width = static_cast<float>(args.width);
  const float mean = args.mean[at.row];
  const float rstd = args.rstd[at.row];
  float sum_t = 0.0F;
  float sum_t_normal = 0.0F;
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    const float t = to_float(d_y[c]) * to_float(gain[c]);
    sum_t += t;
    sum_t_normal = fmaf(t, (to_float(x[c]) - mean) * rstd, sum_t_normal);
  }
  const float mean_t = sum_of_group<kThreads>(sum_t) / width;
  const float mean_t_normal = sum_of_group<kThreads>(sum_t_normal) / width;
  for (std::int64_t c = at.lane; c < args.width; c += kThreads) {
    const float normal = (to_float(x[c]) - mean) * rstd;
    const float t = to_float(d_y[c]) * to_float(gain[c]);
    float result = rstd * fmaf(-normal, mean_t_normal, t - mean_t);
    if (d_residual != nullptr) result += to_float(d_residual[first + c]);
    assign(d_x[c], result);
  }
}

// One thread per column and chunk of rows: scratch is [chunks, 2, width].
template <class T>
__global__ void parameter_partials_kernel(LayerNormBackward args) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x;
  if (c >= args.width) return;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * kRowsPerChunk;
  const std::int64_t end = min(begin + kRowsPerChunk, args.rows);
  const T* d_y = static_cast<const T*>(args.d_y);
  const T* x = static_cast<const T*>(args.x);
  float d_gain = 0.0F;
  float d_bias = 0.0F;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t i = r * args.width + c;
    const float d = to_float(d_y[i]);
    d_gain = fmaf(d, (to_float(x[i]) - args.mean[r]) * args.rstd[r], d_gain);
    d_bias += d;
  }
  float* partial = args.scratch + blockIdx.x * 2 * args.width + c;
  partial[0] = d_gain;
  partial[args.width] = d_bias;
}

template <class T>
void forward(const LayerNormForward& args, cudaStream_t stream) {
  const unsigned blocks = blocks_of_rows(args.rows, args.width);
  if (is_narrow(args.width)) {
    enqueue(forward_kernel<T, 32>, {blocks, 32 * kNarrowRowsPerBlock}, stream, args);
  } else {
    enqueue(forward_kernel<T, kWideRow>, {blocks, kWideRow}, stream, args);
  }
}

// The parameters' gradients first: d_x may overwrite d_y.
template <class T>
void parameter_gradients(const LayerNormBackward& args, cudaStream_t stream) {
  const std::int64_t chunks = chunk_count(args.rows, kRowsPerChunk);
  const unsigned columns = blocks_of_columns(args.width);
  if (chunks > 0) {
    const dim3 grid(static_cast<unsigned>(chunks), columns);
    enqueue(parameter_partials_kernel<T>, {grid, kColumnThreads}, stream, args);
  }
  const float* bias_partials = chunks == 0 ? nullptr : args.scratch + args.width;
  enqueue(fold_partials_kernel<T>,
          {columns, kColumnThreads},
          stream,
          args.scratch,
          chunks,
          2 * args.width,
          args.width,
          static_cast<T*>(args.d_gain));
  enqueue(fold_partials_kernel<T>,
          {columns, kColumnThreads},
          stream,
          bias_partials,
          chunks,
          2 * args.width,
          args.width,
          static_cast<T*>(args.d_bias));
}

template <class T>
void backward(const LayerNormBackward& args, cudaStream_t stream) {
  if (args.d_gain != nullptr) parameter_gradients<T>(args, stream);
  if (args.rows == 0) return;
  const unsigned blocks = blocks_of_rows(args.rows, args.width);
  if (is_narrow(args.width)) {
    enqueue(backward_kernel<T, 32>, {blocks, 32 * kNarrowRowsPerBlock}, stream, args);
  } else {
    enqueue(backward_kernel<T, kWideRow>, {blocks, kWideRow}, stream, args);
  }
}

}  // namespace

void layer_norm_forward_cuda(const LayerNormForward& args, const Launch& launch) {
  check(args);
  if (args.rows == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? forward<float>(args, stream) : forward<Bf16>(args, stream);
}

void layer_norm_backward_cuda(const LayerNormBackward& args, const Launch& launch) {
  check(args);
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? backward<float>(args, stream) : backward<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
