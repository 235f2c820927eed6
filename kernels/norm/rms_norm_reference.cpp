// Sums in fp64: the error of the reference is its final rounding.
#include <cmath>

#include "kernels/element.h"
#include "kernels/norm/rms_norm.h"

namespace longhaul::kernels {

void rms_norm_forward_reference(const RmsNormForward& args, const Launch&) {
  check(args);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const std::int64_t row = r * args.width;
    double squares = 0.0;
    for (std::int64_t c = 0; c < args.width; ++c) {
      const double x = load_element(args.x, row + c, args.dtype);
      squares += x * x;
    }
    const double mean = squares / static_cast<double>(args.width);
    args.rstd[r] = static_cast<float>(1.0 / std::sqrt(mean + args.epsilon));
    for (std::int64_t c = 0; c < args.width; ++c) {
      const float x = load_element(args.x, row + c, args.dtype);
      const float gain = load_element(args.gain, c, args.dtype);
      store_element(args.y, row + c, args.dtype, static_cast<double>(x) * args.rstd[r] * gain);
    }
  }
}

void rms_norm_backward_reference(const RmsNormBackward& args, const Launch&) {
  check(args);
  const auto normal = [&](std::int64_t r, std::int64_t c) {
    return static_cast<double>(load_element(args.x, r * args.width + c, args.dtype)) * args.rstd[r];
  };
  const auto d_y = [&](std::int64_t r, std::int64_t c) {
    return static_cast<double>(load_element(args.d_y, r * args.width + c, args.dtype));
  };
  if (args.d_gain != nullptr) {  // before d_x, which may overwrite d_y
    for (std::int64_t c = 0; c < args.width; ++c) {
      double sum = 0.0;
      for (std::int64_t r = 0; r < args.rows; ++r) sum += d_y(r, c) * normal(r, c);
      store_element(args.d_gain, c, args.dtype, sum);
    }
  }
  for (std::int64_t r = 0; r < args.rows; ++r) {
    double projection = 0.0;
    for (std::int64_t c = 0; c < args.width; ++c) {
      projection += d_y(r, c) * load_element(args.gain, c, args.dtype) * normal(r, c);
    }
    projection /= static_cast<double>(args.width);
    for (std::int64_t c = 0; c < args.width; ++c) {
      const double t = d_y(r, c) * load_element(args.gain, c, args.dtype);
      double d_x = args.rstd[r] * (t - normal(r, c) * projection);
      if (args.d_residual != nullptr) {
        d_x += load_element(args.d_residual, r * args.width + c, args.dtype);
      }
      store_element(args.d_x, r * args.width + c, args.dtype, d_x);
    }
  }
}

}  // namespace longhaul::kernels
