#include <algorithm>
#include <cmath>

#include "kernels/attention/softmax_tile.h"

namespace longhaul::kernels {
namespace {

float round_to(float x, DType dtype) {
  return dtype == DType::kF32 ? x : from_bf16(to_bf16(x));
}

void store(void* array, std::int64_t index, float x, DType dtype) {
  if (dtype == DType::kF32) {
    static_cast<float*>(array)[index] = x;
  } else {
    static_cast<std::uint16_t*>(array)[index] = to_bf16(x);
  }
}

}  // namespace

void softmax_tile_reference(const SoftmaxTile& args, const Launch& /*launch*/) {
  for (std::int64_t r = 0; r < kTile; ++r) {
    const float* s = args.scores + r * kTile;
    for (std::int64_t c = 0; c < kTile; ++c) {
      store(args.probabilities, r * kTile + c, 0, args.dtype);
    }
    if (args.first[r] >= args.last[r]) continue;
    float maximum = args.maximum[r];
    for (std::int64_t c = args.first[r]; c < args.last[r]; ++c) {
      maximum = std::max(maximum, args.scale * s[c]);
    }
    float sum = 0.0F;
    for (std::int64_t c = args.first[r]; c < args.last[r]; ++c) {
      const float p = round_to(std::exp(args.scale * s[c] - maximum), args.dtype);
      store(args.probabilities, r * kTile + c, p, args.dtype);
      sum += p;
    }
    const float factor = std::exp(args.maximum[r] - maximum);
    args.maximum[r] = maximum;
    args.sum[r] = factor * args.sum[r] + sum;
    for (std::int64_t d = 0; d < args.head_dim; ++d) {
      args.accumulator[r * args.head_dim + d] *= factor;
    }
  }
}

void softmax_rows_reference(const SoftmaxRows& args, const Launch& /*launch*/) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    for (std::int64_t d = 0; d < args.head_dim; ++d) {
      const float y = args.accumulator[r * args.head_dim + d] / args.sum[r];
      store(args.y, r * args.stride + d, y, args.dtype);
    }
    args.log_sum_exp[r] = args.maximum[r] + std::log(args.sum[r]);
  }
}

void softmax_gradient_tile_reference(const SoftmaxGradientTile& args, const Launch& /*launch*/) {
  for (std::int64_t k = 0; k < kTile; ++k) {
    for (std::int64_t r = 0; r < kTile; ++r) {
      const std::int64_t i = k * kTile + r;
      float p = 0.0F;
      float d_s = 0.0F;
      if (r >= args.first[k] && r < args.last[k]) {
        p = std::exp(args.scale * args.scores[i] - args.log_sum_exp[r]);
        d_s = p * (args.d_p[i] - args.delta[r]) * args.scale;
      }
      store(args.probabilities, i, p, args.dtype);
      store(args.d_scores, i, d_s, args.dtype);
      if (args.d_scores_paired == nullptr) continue;
      store(args.d_scores_paired, (k / 2 * kTile + r) * 2 + k % 2, d_s, args.dtype);
    }
  }
}

}  // namespace longhaul::kernels
