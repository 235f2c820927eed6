#include "kernels/loss/cross_entropy.h"
#include "kernels/simd/math.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

constexpr float kLowest = -__builtin_inff();

// What is known of a row after some of its columns.
struct RowStatistics {
  float maximum;
  float sum;  // of exp(z - maximum)
};

float exp_of(float x) {
  return first_lane(exp(splat(x)));
}

float read(const float* from) {
  return *from;
}
float read(const Bf16* from) {
  return first_lane(load(from, Part{1}));
}

void write(float* to, float value) {
  *to = value;
}
void write(Bf16* to, float value) {
  store(to, splat(value), Part{1});
}

template <class T>
RowStatistics statistics_of(const T* logits, std::int64_t columns) {
  Lanes maxima[2] = {splat(kLowest), splat(kLowest)};
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= columns; i += 2 * kLanes) {
    maxima[0] = max(maxima[0], load(logits + i, Full{}));
    maxima[1] = max(maxima[1], load(logits + i + kLanes, Full{}));
  }
  for_lanes(i, columns, [&](std::int64_t c, auto span) {
    maxima[0] = max(maxima[0], keep(load(logits + c, span), span, kLowest));
  });
  const float maximum = max_of_lanes(max(maxima[0], maxima[1]));
  const float sum = sum_of_row(columns, [&](std::int64_t c, auto span) {
    return exp(keep(load(logits + c, span), span, kLowest) - splat(maximum));
  });
  return {maximum, sum};
}

// Online softmax: Milakov & Gimelshein 2018, algorithm 3, with tiles for elements.
RowStatistics combine(RowStatistics a, RowStatistics b) {
  const float maximum = a.maximum > b.maximum ? a.maximum : b.maximum;
  return {maximum, a.sum * exp_of(a.maximum - maximum) + b.sum * exp_of(b.maximum - maximum)};
}

float loss_of(RowStatistics row, float target_logit) {
  return __builtin_logf(row.sum) + (row.maximum - target_logit);
}

// Replaces logits by their gradient. `target` counts from the first of these columns; outside of
// them it is ignored.
template <class T>
void gradient_row(
    T* logits, std::int64_t columns, RowStatistics row, std::int64_t target, float scale) {
  const bool has_target = target >= 0 && target < columns;
  const float target_logit = has_target ? read(logits + target) : 0.0F;
  const float inverse = 1.0F / row.sum;
  const Lanes factor = splat(inverse * scale);
  for_lanes(0, columns, [=](std::int64_t c, auto span) {
    const Lanes p = exp(load(logits + c, span) - splat(row.maximum));
    store(logits + c, p * factor, span);
  });
  if (has_target) {
    const float p = exp_of(target_logit - row.maximum) * inverse;
    write(logits + target, (p - 1.0F) * scale);
  }
}

template <class T>
void zero_row(T* logits, std::int64_t columns) {
  for_lanes(0, columns, [=](std::int64_t c, auto span) { store(logits + c, splat(0.0F), span); });
}

template <class T>
void whole_row(const CrossEntropy& args, std::int64_t r) {
  T* logits = static_cast<T*>(args.logits) + r * args.vocabulary;
  const std::int32_t target = args.targets[r];
  if (target == kNoTarget) {
    args.loss[r] = 0.0F;
    if (!args.is_forward_only) zero_row(logits, args.vocabulary);
    return;
  }
  const RowStatistics row = statistics_of(static_cast<const T*>(logits), args.vocabulary);
  args.loss[r] = loss_of(row, read(logits + target));
  if (!args.is_forward_only) gradient_row(logits, args.vocabulary, row, target, *args.scale);
}

template <class T>
void fold_tile(const LogSumExpTile& args, std::int64_t r) {
  const T* logits = static_cast<const T*>(args.logits) + r * args.columns;
  RowStatistics row = statistics_of(logits, args.columns);
  if (args.first_column != 0) row = combine({args.maximum[r], args.sum[r]}, row);
  args.maximum[r] = row.maximum;
  args.sum[r] = row.sum;
  const std::int64_t target = args.targets[r] - args.first_column;
  if (args.targets[r] != kNoTarget && target >= 0 && target < args.columns) {
    args.target_logit[r] = read(logits + target);
  }
}

template <class T>
void gradient_tile(const CrossEntropyGradientTile& args, std::int64_t r) {
  T* logits = static_cast<T*>(args.logits) + r * args.columns;
  if (args.targets[r] == kNoTarget) {
    zero_row(logits, args.columns);
    return;
  }
  gradient_row(logits,
               args.columns,
               {args.maximum[r], args.sum[r]},
               args.targets[r] - args.first_column,
               *args.scale);
}

}  // namespace

void LONGHAUL_SIMD_BODY(cross_entropy)(const CrossEntropy& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    launch.pool->parallel_for(args.rows, [&](std::int64_t r, int) { whole_row<T>(args, r); });
  });
}

void LONGHAUL_SIMD_BODY(log_sum_exp_tile)(const LogSumExpTile& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    launch.pool->parallel_for(args.rows, [&](std::int64_t r, int) { fold_tile<T>(args, r); });
  });
}

void LONGHAUL_SIMD_BODY(cross_entropy_loss)(const CrossEntropyLoss& args, const Launch&) {
  check(args);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    args.loss[r] = args.targets[r] == kNoTarget
                       ? 0.0F
                       : loss_of({args.maximum[r], args.sum[r]}, args.target_logit[r]);
  }
}

void LONGHAUL_SIMD_BODY(cross_entropy_gradient_tile)(const CrossEntropyGradientTile& args,
                                                     const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    launch.pool->parallel_for(args.rows, [&](std::int64_t r, int) { gradient_tile<T>(args, r); });
  });
}

}  // namespace longhaul::kernels
