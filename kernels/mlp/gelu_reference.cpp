#include <cmath>
#include <numbers>

#include "kernels/element.h"
#include "kernels/mlp/gelu.h"

namespace longhaul::kernels {
namespace {

constexpr double kCubic = 0.044715;
const double kRootTwoOverPi = std::sqrt(2.0 / std::numbers::pi);

// P(x) and x * P'(x) for the chosen kind: y = x * P(x), y' = P(x) + x * P'(x).
struct Gate {
  double value;
  double x_slope;
};

Gate gate_of(GeluKind kind, double x) {
  if (kind == GeluKind::kErf) {
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
    return {0.5 * std::erfc(-x / std::numbers::sqrt2), x * density};
  }
  const double u = kRootTwoOverPi * (x + kCubic * x * x * x);
  const double d_u = kRootTwoOverPi * (1.0 + 3.0 * kCubic * x * x);
  const double value = 1.0 / (1.0 + std::exp(-2.0 * u));
  const double rest = 1.0 / (1.0 + std::exp(2.0 * u));
  return {value, x * 2.0 * d_u * value * rest};
}

}  // namespace

void gelu_forward_reference(const GeluForward& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const double x = load_element(args.x, i, args.dtype);
    store_element(args.y, i, args.dtype, x * gate_of(args.kind, x).value);
  }
}

void gelu_backward_reference(const GeluBackward& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const double x = load_element(args.x, i, args.dtype);
    const Gate gate = gate_of(args.kind, x);
    const double d_y = load_element(args.d_y, i, args.dtype);
    store_element(args.d_x, i, args.dtype, d_y * (gate.value + gate.x_slope));
  }
}

}  // namespace longhaul::kernels
