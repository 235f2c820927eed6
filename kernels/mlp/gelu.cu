#include "kernels/device/element.cuh"
#include "kernels/device/elements.cuh"
#include "kernels/device/logistic.cuh"
#include "kernels/mlp/gelu.h"

namespace longhaul::kernels {
namespace {

// `x` within [-bound, bound]; NaN stays NaN.
__device__ float clamp(float x, float bound) {
  return isnan(x) ? x : fminf(fmaxf(x, -bound), bound);
}

// With y = x * P(x): P(x) and y'(x) = P(x) + x * P'(x).
struct ErfGate {
  __device__ static float value(float x) { return normcdff(x); }
  __device__ static float slope(float x) {
    const float a = clamp(x, 14.5F);  // beyond, x * P'(x) is zero, and infinity times zero is not
    const float density = 0.3989422804014327F * expf(-0.5F * a * a);
    return fmaf(a, density, normcdff(x));
  }
};

struct TanhGate {
  static constexpr float kTwoRoots = 1.5957691216057308F;  // 2 sqrt(2 / pi)
  static constexpr float kCubic = 0.071354816272600255F;   // 2 sqrt(2 / pi) 0.044715
  static constexpr float kBound = 1e6F;  // the gate is 0 or 1 there, and x^3 does not overflow

  __device__ static Logistic gate(float x) { return Logistic(x * fmaf(x * x, kCubic, kTwoRoots)); }
  __device__ static float value(float x) { return gate(clamp(x, kBound)).value; }
  __device__ static float slope(float x) {
    const float a = clamp(x, kBound);
    const Logistic s = gate(a);
    const float d_two_u = fmaf(a * a, 3.0F * kCubic, kTwoRoots);
    return fmaf(a * d_two_u * s.rest, s.value, s.value);
  }
};

template <class Gate, class T>
struct ForwardBody {
  const T* x;
  T* y;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float in[kCount], out[kCount];
    load(x + i, in);
    for (int k = 0; k < kCount; ++k) out[k] = in[k] * Gate::value(in[k]);
    store(y + i, out);
  }
};

template <class Gate, class T>
struct BackwardBody {
  const T* d_y;
  const T* x;
  T* d_x;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float d[kCount], in[kCount], out[kCount];
    load(d_y + i, d);
    load(x + i, in);
    for (int k = 0; k < kCount; ++k) out[k] = d[k] * Gate::slope(in[k]);
    store(d_x + i, out);
  }
};

template <class Gate, class T>
void forward(const GeluForward& args, cudaStream_t stream) {
  const ForwardBody<Gate, T> body{static_cast<const T*>(args.x), static_cast<T*>(args.y)};
  launch_elements(stream, args.count, body, {args.x, args.y});
}

template <class Gate, class T>
void backward(const GeluBackward& args, cudaStream_t stream) {
  const BackwardBody<Gate, T> body{
      static_cast<const T*>(args.d_y), static_cast<const T*>(args.x), static_cast<T*>(args.d_x)};
  launch_elements(stream, args.count, body, {args.d_y, args.x, args.d_x});
}

template <class T>
void forward_of_kind(const GeluForward& args, cudaStream_t stream) {
  args.kind == GeluKind::kErf ? forward<ErfGate, T>(args, stream)
                              : forward<TanhGate, T>(args, stream);
}

template <class T>
void backward_of_kind(const GeluBackward& args, cudaStream_t stream) {
  args.kind == GeluKind::kErf ? backward<ErfGate, T>(args, stream)
                              : backward<TanhGate, T>(args, stream);
}

}  // namespace

void gelu_forward_cuda(const GeluForward& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? forward_of_kind<float>(args, stream)
                            : forward_of_kind<Bf16>(args, stream);
}

void gelu_backward_cuda(const GeluBackward& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? backward_of_kind<float>(args, stream)
                            : backward_of_kind<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
