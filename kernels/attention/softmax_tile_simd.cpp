#include "kernels/attention/softmax_tile.h"
#include "kernels/simd/math.h"

namespace longhaul::kernels {
namespace {

constexpr float kLowest = -__builtin_inff();
constexpr int kVectors = static_cast<int>(kTile) / kLanes;

alignas(64) constexpr float kColumn[kTile] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

// The columns [first, last) of a row.
struct Range {
  std::int32_t first;
  std::int32_t last;
};

// `x` in the columns of the range, `filler` in the others. `column`: of the first lane.
LONGHAUL_LANES_INLINE Lanes inside(Range range, std::int64_t column, Lanes x, Lanes filler) {
  if (range.first <= column && range.last >= column + kLanes) return x;
  const Lanes index = load(static_cast<const float*>(kColumn) + column, Full{});
  const Lanes from_first =
      select_negative(splat(static_cast<float>(range.first) - 0.5F) - index, x, filler);
  return select_negative(index - splat(static_cast<float>(range.last)), from_first, filler);
}

template <class T>
void softmax_row(const SoftmaxTile& args, std::int64_t r) {
  const Range range{args.first[r], args.last[r]};
  T* probabilities = static_cast<T*>(args.probabilities) + r * kTile;
  if (range.first >= range.last) {
    for (int i = 0; i < kVectors; ++i) store(probabilities + i * kLanes, splat(0.0F), Full{});
    return;
  }
  Lanes s[kVectors];
  Lanes maxima = splat(kLowest);
  for (int i = 0; i < kVectors; ++i) {
    const Lanes raw = load(args.scores + r * kTile + i * kLanes, Full{}) * splat(args.scale);
    s[i] = inside(range, i * kLanes, raw, splat(kLowest));
    maxima = max(maxima, s[i]);
  }
  const float before = args.maximum[r];
  const float tile_maximum = max_of_lanes(maxima);
  const float maximum = tile_maximum > before ? tile_maximum : before;
  Lanes sums = splat(0.0F);
  for (int i = 0; i < kVectors; ++i) {
    const Lanes p = exp(s[i] - splat(maximum));
    store(probabilities + i * kLanes, p, Full{});
    sums = sums + load(static_cast<const T*>(probabilities) + i * kLanes, Full{});
  }
  const float factor = first_lane(exp(splat(before - maximum)));
  args.maximum[r] = maximum;
  args.sum[r] = factor * args.sum[r] + sum_of_lanes(sums);
  if (factor == 1.0F) return;
  float* accumulator = args.accumulator + r * args.head_dim;
  for_lanes(0, args.head_dim, [=](std::int64_t d, auto span) {
    store(accumulator + d,
          load(static_cast<const float*>(accumulator) + d, span) * splat(factor),
          span);
  });
}

template <class T>
void finish_row(const SoftmaxRows& args, std::int64_t r) {
  const float* accumulator = args.accumulator + r * args.head_dim;
  T* y = static_cast<T*>(args.y) + r * args.stride;
  const Lanes sum = splat(args.sum[r]);
  for_lanes(0, args.head_dim, [=](std::int64_t d, auto span) {
    store(y + d, load(accumulator + d, span) / sum, span);
  });
  args.log_sum_exp[r] = args.maximum[r] + __builtin_logf(args.sum[r]);
}

template <class T>
void gradient_row(const SoftmaxGradientTile& args, std::int64_t k) {
  const Range range{args.first[k], args.last[k]};
  T* probabilities = static_cast<T*>(args.probabilities) + k * kTile;
  T* d_scores = static_cast<T*>(args.d_scores) + k * kTile;
  for (int c = 0; c < kTile; c += kLanes) {
    const Lanes s = load(args.scores + k * kTile + c, Full{});
    const Lanes d_p = load(args.d_p + k * kTile + c, Full{});
    const Lanes log_sum_exp = load(args.log_sum_exp + c, Full{});
    const Lanes exponent = inside(range, c, splat(args.scale) * s - log_sum_exp, splat(kLowest));
    const Lanes p = exp(exponent);
    const Lanes d_s = p * (d_p - load(args.delta + c, Full{})) * splat(args.scale);
    store(probabilities + c, p, Full{});
    store(d_scores + c, inside(range, c, d_s, splat(0.0F)), Full{});
  }
}

// Rows 2i and 2i + 1 side by side, as products of bf16 read their second operand.
void pair_rows(const Bf16* d_scores, Bf16* paired) {
  for (std::int64_t k = 0; k < kTile; k += 2) {
    const Bf16* even = d_scores + k * kTile;
    const Bf16* odd = even + kTile;
    Bf16* to = paired + k * kTile;
    for (std::int64_t r = 0; r < kTile; ++r) {
      to[2 * r] = even[r];
      to[2 * r + 1] = odd[r];
    }
  }
}

}  // namespace

void LONGHAUL_SIMD_BODY(softmax_tile)(const SoftmaxTile& args, const Launch& /*launch*/) {
  with_element_type(args.dtype, [&]<class T>(const T*) {
    for (std::int64_t r = 0; r < kTile; ++r) softmax_row<T>(args, r);
  });
}

void LONGHAUL_SIMD_BODY(softmax_rows)(const SoftmaxRows& args, const Launch& /*launch*/) {
  with_element_type(args.dtype, [&]<class T>(const T*) {
    for (std::int64_t r = 0; r < args.rows; ++r) finish_row<T>(args, r);
  });
}

void LONGHAUL_SIMD_BODY(softmax_gradient_tile)(const SoftmaxGradientTile& args,
                                               const Launch& /*launch*/) {
  with_element_type(args.dtype, [&]<class T>(const T*) {
    for (std::int64_t k = 0; k < kTile; ++k) gradient_row<T>(args, k);
  });
  if (args.d_scores_paired == nullptr) return;
  pair_rows(static_cast<const Bf16*>(args.d_scores), static_cast<Bf16*>(args.d_scores_paired));
}

}  // namespace longhaul::kernels
