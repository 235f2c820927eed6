#include <cmath>

#include "kernels/element.h"
#include "kernels/mlp/swiglu.h"

namespace longhaul::kernels {
namespace {

double logistic(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

}  // namespace

void swiglu_forward_reference(const SwigluForward& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const double gate = load_element(args.gate, i, args.dtype);
    const double up = load_element(args.up, i, args.dtype);
    store_element(args.y, i, args.dtype, gate * logistic(gate) * up);
  }
}

void swiglu_backward_reference(const SwigluBackward& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.count; ++i) {
    const double d_y = load_element(args.d_y, i, args.dtype);
    const double gate = load_element(args.gate, i, args.dtype);
    const double up = load_element(args.up, i, args.dtype);
    const double s = logistic(gate);
    store_element(args.d_gate, i, args.dtype, d_y * up * s * (1.0 + gate * logistic(-gate)));
    store_element(args.d_up, i, args.dtype, d_y * gate * s);
  }
}

}  // namespace longhaul::kernels
