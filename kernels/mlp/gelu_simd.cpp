#include "kernels/mlp/gelu.h"
#include "kernels/simd/math.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

// With y = x * P(x): P(x) and y'(x) = P(x) + x * P'(x).
struct ErfGate {
  LONGHAUL_LANES_INLINE static Lanes value(Lanes x) { return normal(x).distribution; }
  LONGHAUL_LANES_INLINE static Lanes slope(Lanes x) {
    const Normal n = normal(x);
    return fma(x, n.density, n.distribution);
  }
};

struct TanhGate {
  static constexpr float kTwoRoots = 1.5957691216057308F;  // 2 sqrt(2 / pi)
  static constexpr float kCubic = 0.071354816272600255F;   // 2 sqrt(2 / pi) 0.044715
  static constexpr float kThreeCubic = 3.0F * 0.071354816272600255F;

  // 2 u = x * (kTwoRoots + kCubic * x^2). Beyond 1e6 the gate is 0 or 1 and x^2 must not overflow
  // into infinity times zero.
  LONGHAUL_LANES_INLINE static Lanes clamp(Lanes x) {
    return min(splat(1e6F), max(splat(-1e6F), x));
  }
  LONGHAUL_LANES_INLINE static Logistic gate(Lanes x) {
    return logistic(x * fma(x * x, splat(kCubic), splat(kTwoRoots)));
  }
  LONGHAUL_LANES_INLINE static Lanes value(Lanes x) { return gate(clamp(x)).value; }
  LONGHAUL_LANES_INLINE static Lanes slope(Lanes x) {
    const Lanes clamped = clamp(x);
    const Logistic s = gate(clamped);
    const Lanes d_two_u = fma(clamped * clamped, splat(kThreeCubic), splat(kTwoRoots));
    return fma(clamped * d_two_u * s.rest, s.value, s.value);
  }
};

template <class Gate, class T>
void forward(const GeluForward& args, const Launch& launch) {
  const T* from = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  for_elements(launch, args.count, [=](std::int64_t i, auto span) {
    const Lanes x = load(from + i, span);
    store(y + i, x * Gate::value(x), span);
  });
}

template <class Gate, class T>
void backward(const GeluBackward& args, const Launch& launch) {
  const T* d_y = static_cast<const T*>(args.d_y);
  const T* x = static_cast<const T*>(args.x);
  T* d_x = static_cast<T*>(args.d_x);
  for_elements(launch, args.count, [=](std::int64_t i, auto span) {
    store(d_x + i, load(d_y + i, span) * Gate::slope(load(x + i, span)), span);
  });
}

}  // namespace

void LONGHAUL_SIMD_BODY(gelu_forward)(const GeluForward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    args.kind == GeluKind::kErf ? forward<ErfGate, T>(args, launch)
                                : forward<TanhGate, T>(args, launch);
  });
}

void LONGHAUL_SIMD_BODY(gelu_backward)(const GeluBackward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    args.kind == GeluKind::kErf ? backward<ErfGate, T>(args, launch)
                                : backward<TanhGate, T>(args, launch);
  });
}

}  // namespace longhaul::kernels
