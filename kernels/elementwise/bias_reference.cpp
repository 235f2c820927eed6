#include "kernels/element.h"
#include "kernels/elementwise/bias.h"

namespace longhaul::kernels {

void bias_forward_reference(const BiasForward& args, const Launch&) {
  check(args);
  for (std::int64_t i = 0; i < args.rows * args.width; ++i) {
    const float bias = load_element(args.bias, i % args.width, args.dtype);
    store_element(args.y, i, args.dtype, load_element(args.x, i, args.dtype) + bias);
  }
}

void bias_backward_reference(const BiasBackward& args, const Launch&) {
  check(args);
  for (std::int64_t c = 0; c < args.width; ++c) {
    double sum = 0.0;
    for (std::int64_t r = 0; r < args.rows; ++r) {
      sum += load_element(args.d_y, r * args.width + c, args.dtype);
    }
    store_element(args.d_bias, c, args.dtype, sum);
  }
}

}  // namespace longhaul::kernels
