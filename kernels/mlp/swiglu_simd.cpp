#include "kernels/mlp/swiglu.h"
#include "kernels/simd/math.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

template <class T>
void forward(const SwigluForward& args, const Launch& launch) {
  const T* gate = static_cast<const T*>(args.gate);
  const T* up = static_cast<const T*>(args.up);
  T* y = static_cast<T*>(args.y);
  for_elements(launch, args.count, [=](std::int64_t i, auto span) {
    const Lanes g = load(gate + i, span);
    store(y + i, g * logistic(g).value * load(up + i, span), span);
  });
}

template <class T>
void backward(const SwigluBackward& args, const Launch& launch) {
  const T* d_y = static_cast<const T*>(args.d_y);
  const T* gate = static_cast<const T*>(args.gate);
  const T* up = static_cast<const T*>(args.up);
  T* d_gate = static_cast<T*>(args.d_gate);
  T* d_up = static_cast<T*>(args.d_up);
  for_elements(launch, args.count, [=](std::int64_t i, auto span) {
    const Lanes d = load(d_y + i, span);
    const Lanes g = load(gate + i, span);
    const Lanes u = load(up + i, span);
    const Logistic s = logistic(g);
    store(d_up + i, d * (g * s.value), span);
    store(d_gate + i, d * u * (s.value * fma(g, s.rest, splat(1.0F))), span);
  });
}

}  // namespace

void LONGHAUL_SIMD_BODY(swiglu_forward)(const SwigluForward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) { forward<T>(args, launch); });
}

void LONGHAUL_SIMD_BODY(swiglu_backward)(const SwigluBackward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) { backward<T>(args, launch); });
}

}  // namespace longhaul::kernels
