// Two passes over the keys in fp64; the scores are computed twice instead of kept.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention/cached_attention.h"
#include "kernels/element.h"

namespace longhaul::kernels {
namespace {

double score(const CachedAttention& args, std::int64_t head, std::int64_t key) {
  const std::int64_t group = head / (args.heads / args.kv_heads);
  const std::int64_t row = (key * args.kv_heads + group) * args.head_dim;
  double sum = 0.0;
  for (std::int64_t d = 0; d < args.head_dim; ++d) {
    sum += static_cast<double>(load_element(args.q, head * args.head_dim + d, args.dtype)) *
           load_element(args.keys, row + d, args.dtype);
  }
  return sum * args.scale;
}

// The head's weighted sum of values into `weighted`, [head_dim] of scratch.
void attend(const CachedAttention& args, std::int64_t head, std::int64_t first, float* weighted) {
  const std::int64_t group = head / (args.heads / args.kv_heads);
  double maximum = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = first; j < args.length; ++j) {
    maximum = std::max(maximum, score(args, head, j));
  }
  double total = 0.0;
  for (std::int64_t j = first; j < args.length; ++j) {
    total += std::exp(score(args, head, j) - maximum);
  }
  for (std::int64_t d = 0; d < args.head_dim; ++d) weighted[d] = 0.0F;
  for (std::int64_t j = first; j < args.length; ++j) {
    const double weight = std::exp(score(args, head, j) - maximum) / total;
    const std::int64_t row = (j * args.kv_heads + group) * args.head_dim;
    for (std::int64_t d = 0; d < args.head_dim; ++d) {
      const double value = load_element(args.values, row + d, args.dtype);
      weighted[d] = static_cast<float>(weighted[d] + weight * value);
    }
  }
}

}  // namespace

void cached_attention_reference(const CachedAttention& args, const Launch&) {
  check(args);
  const std::int64_t first =
      args.window == 0 ? 0 : std::max<std::int64_t>(0, args.length - args.window);
  for (std::int64_t head = 0; head < args.heads; ++head) {
    attend(args, head, first, args.scratch);
    for (std::int64_t d = 0; d < args.head_dim; ++d) {
      store_element(args.y, head * args.head_dim + d, args.dtype, args.scratch[d]);
    }
  }
}

}  // namespace longhaul::kernels
