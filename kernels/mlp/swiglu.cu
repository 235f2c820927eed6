#include "kernels/device/element.cuh"
#include "kernels/device/elements.cuh"
#include "kernels/device/logistic.cuh"
#include "kernels/mlp/swiglu.h"

namespace longhaul::kernels {
namespace {

template <class T>
struct ForwardBody {
  const T* gate;
  const T* up;
  T* y;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float g[kCount], u[kCount], out[kCount];
    load(gate + i, g);
    load(up + i, u);
    for (int k = 0; k < kCount; ++k) out[k] = g[k] * Logistic(g[k]).value * u[k];
    store(y + i, out);
  }
};

template <class T>
struct BackwardBody {
  const T* d_y;
  const T* gate;
  const T* up;
  T* d_gate;
  T* d_up;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float d[kCount], g[kCount], u[kCount], to_gate[kCount], to_up[kCount];
    load(d_y + i, d);
    load(gate + i, g);
    load(up + i, u);
    for (int k = 0; k < kCount; ++k) {
      const Logistic s(g[k]);
      to_up[k] = d[k] * (g[k] * s.value);
      to_gate[k] = d[k] * u[k] * (s.value * fmaf(g[k], s.rest, 1.0F));
    }
    store(d_up + i, to_up);
    store(d_gate + i, to_gate);
  }
};

template <class T>
void forward(const SwigluForward& args, cudaStream_t stream) {
  const ForwardBody<T> body{
      static_cast<const T*>(args.gate), static_cast<const T*>(args.up), static_cast<T*>(args.y)};
  launch_elements(stream, args.count, body, {args.gate, args.up, args.y});
}

template <class T>
void backward(const SwigluBackward& args, cudaStream_t stream) {
  const BackwardBody<T> body{static_cast<const T*>(args.d_y),
                             static_cast<const T*>(args.gate),
                             static_cast<const T*>(args.up),
                             static_cast<T*>(args.d_gate),
                             static_cast<T*>(args.d_up)};
  launch_elements(stream, args.count, body, {args.d_y, args.gate, args.up, args.d_gate, args.d_up});
}

}  // namespace

void swiglu_forward_cuda(const SwigluForward& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? forward<float>(args, stream) : forward<Bf16>(args, stream);
}

void swiglu_backward_cuda(const SwigluBackward& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? backward<float>(args, stream) : backward<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
