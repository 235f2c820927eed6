// Sums in fp64: the error of the reference is its final rounding.
#include <cmath>

#include "kernels/element.h"
#include "kernels/norm/layer_norm.h"

namespace longhaul::kernels {
namespace {

struct Means {
  double t = 0.0;         // mean_c(d_y * gain)
  double t_normal = 0.0;  // mean_c(d_y * gain * n)
};

double normal(const LayerNormBackward& args, std::int64_t r, std::int64_t c) {
  const double x = load_element(args.x, r * args.width + c, args.dtype);
  return (x - args.mean[r]) * args.rstd[r];
}

double scaled(const LayerNormBackward& args, std::int64_t r, std::int64_t c) {
  return static_cast<double>(load_element(args.d_y, r * args.width + c, args.dtype)) *
         load_element(args.gain, c, args.dtype);
}

Means means_of_row(const LayerNormBackward& args, std::int64_t r) {
  Means means;
  for (std::int64_t c = 0; c < args.width; ++c) {
    means.t += scaled(args, r, c);
    means.t_normal += scaled(args, r, c) * normal(args, r, c);
  }
  means.t /= static_cast<double>(args.width);
  means.t_normal /= static_cast<double>(args.width);
  return means;
}

void parameter_gradients(const LayerNormBackward& args) {
  for (std::int64_t c = 0; c < args.width; ++c) {
    double d_gain = 0.0;
    double d_bias = 0.0;
    for (std::int64_t r = 0; r < args.rows; ++r) {
      const double d_y = load_element(args.d_y, r * args.width + c, args.dtype);
      d_gain += d_y * normal(args, r, c);
      d_bias += d_y;
    }
    store_element(args.d_gain, c, args.dtype, d_gain);
    store_element(args.d_bias, c, args.dtype, d_bias);
  }
}

}  // namespace

void layer_norm_forward_reference(const LayerNormForward& args, const Launch&) {
  check(args);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const std::int64_t row = r * args.width;
    double sum = 0.0;
    for (std::int64_t c = 0; c < args.width; ++c) sum += load_element(args.x, row + c, args.dtype);
    const double mean = sum / static_cast<double>(args.width);
    double squares = 0.0;
    for (std::int64_t c = 0; c < args.width; ++c) {
      const double centred = load_element(args.x, row + c, args.dtype) - mean;
      squares += centred * centred;
    }
    const double variance = squares / static_cast<double>(args.width);
    args.mean[r] = static_cast<float>(mean);
    args.rstd[r] = static_cast<float>(1.0 / std::sqrt(variance + args.epsilon));
    for (std::int64_t c = 0; c < args.width; ++c) {
      const double n = (load_element(args.x, row + c, args.dtype) - mean) * args.rstd[r];
      store_element(
          args.y,
          row + c,
          args.dtype,
          load_element(args.gain, c, args.dtype) * n + load_element(args.bias, c, args.dtype));
    }
  }
}

void layer_norm_backward_reference(const LayerNormBackward& args, const Launch&) {
  check(args);
  if (args.d_gain != nullptr) parameter_gradients(args);  // before d_x, which may overwrite d_y
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const Means means = means_of_row(args, r);
    for (std::int64_t c = 0; c < args.width; ++c) {
      double d_x =
          args.rstd[r] * (scaled(args, r, c) - means.t - normal(args, r, c) * means.t_normal);
      if (args.d_residual != nullptr) {
        d_x += load_element(args.d_residual, r * args.width + c, args.dtype);
      }
      store_element(args.d_x, r * args.width + c, args.dtype, d_x);
    }
  }
}

}  // namespace longhaul::kernels
