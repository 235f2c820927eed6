#include "kernels/attention/rotary.h"
#include "kernels/device/element.cuh"
#include "kernels/device/launch.cuh"

namespace longhaul::kernels {
namespace {

constexpr int kThreads = 256;

// One thread per pair of elements, or per element that is not rotated.
template <class T>
__global__ void rotary_kernel(Rotary args) {
  const std::int64_t half = args.rotary_dim / 2;
  const std::int64_t per_head = args.head_dim - half;
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (thread >= args.tokens * args.heads * per_head) return;
  const std::int64_t head = thread / per_head;
  const std::int64_t i = thread % per_head;
  const T* x = static_cast<const T*>(args.x) + head * args.head_dim;
  T* y = static_cast<T*>(args.y) + head * args.head_dim;
  if (i >= half) {
    y[half + i] = x[half + i];
    return;
  }
  const std::int64_t row = args.positions[head / args.heads] * half;
  const float cos = args.cos[row + i];
  const float sin = args.is_inverse ? -args.sin[row + i] : args.sin[row + i];
  const float low = to_float(x[i]);
  const float high = to_float(x[half + i]);
  assign(y[i], fmaf(-high, sin, low * cos));
  assign(y[half + i], fmaf(low, sin, high * cos));
}

template <class T>
void rotate(const Rotary& args, cudaStream_t stream) {
  const std::int64_t threads = args.tokens * args.heads * (args.head_dim - args.rotary_dim / 2);
  const auto blocks = static_cast<unsigned>(chunk_count(threads, kThreads));
  enqueue(rotary_kernel<T>, {blocks, kThreads}, stream, args);
}

}  // namespace

void rotary_cuda(const Rotary& args, const Launch& launch) {
  check(args);
  if (args.tokens == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? rotate<float>(args, stream) : rotate<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
