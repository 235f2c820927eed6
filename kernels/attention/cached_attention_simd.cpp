#include "kernels/attention/cached_attention.h"
#include "kernels/simd/math.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

// One head over one chunk of keys, in scratch: the maximum of its scores, the sum of
// exp(score - maximum), and [head_dim] sums of values with these weights.
struct Partial {
  float* maximum;
  float* sum;
  float* weighted;
};

struct Keys {
  std::int64_t first;
  std::int64_t last;
};

std::int64_t chunks_of(const CachedAttention& args) {
  return chunk_count(args.length, kKeysPerChunk);
}

std::int64_t first_key(const CachedAttention& args) {
  const bool is_cut = args.window != 0 && args.window < args.length;
  return is_cut ? args.length - args.window : 0;
}

Partial partial_of(const CachedAttention& args, std::int64_t head, std::int64_t chunk) {
  float* at = args.scratch + (head * chunks_of(args) + chunk) * (args.head_dim + 2);
  return {at, at + 1, at + 2};
}

// scores[j - first] = scale * q . key j; returns the largest.
template <class T>
float score_keys(const CachedAttention& args, std::int64_t head, Keys keys, float* scores) {
  const std::int64_t group = head / (args.heads / args.kv_heads);
  const T* q = static_cast<const T*>(args.q) + head * args.head_dim;
  float maximum = -__builtin_inff();
  for (std::int64_t j = keys.first; j < keys.last; ++j) {
    const T* key = static_cast<const T*>(args.keys) + (j * args.kv_heads + group) * args.head_dim;
    const float dot = sum_of_row(args.head_dim, [&](std::int64_t d, auto span) {
      return load(q + d, span) * load(key + d, span);
    });
    const float score = dot * args.scale;
    scores[j - keys.first] = score;
    maximum = maximum > score ? maximum : score;
  }
  return maximum;
}

// weighted[d] = sum_j weights[j - first] * value j [d], for `kVectors` vectors of d at once.
template <int kVectors, class T, class Span>
void weigh_columns(Keys keys,
                   const T* values,  // of key 0, at the first of the columns
                   std::int64_t stride,
                   const float* weights,
                   float* weighted,
                   Span span) {
  Lanes sums[kVectors];
  for (Lanes& sum : sums) sum = splat(0.0F);
  for (std::int64_t j = keys.first; j < keys.last; ++j) {
    const Lanes weight = splat(weights[j - keys.first]);
    const T* value = values + j * stride;
    for (int k = 0; k < kVectors; ++k) {
      sums[k] = fma(weight, load(value + k * kLanes, span), sums[k]);
    }
  }
  for (int k = 0; k < kVectors; ++k) store(weighted + k * kLanes, sums[k], span);
}

template <class T>
void weigh_values(const CachedAttention& args,
                  std::int64_t head,
                  Keys keys,
                  const float* weights,
                  float* weighted) {
  const std::int64_t group = head / (args.heads / args.kv_heads);
  const T* values = static_cast<const T*>(args.values) + group * args.head_dim;
  const std::int64_t stride = args.kv_heads * args.head_dim;
  constexpr std::int64_t kBlock = 4 * kLanes;  // enough independent sums to hide their latency
  std::int64_t d = 0;
  for (; d + kBlock <= args.head_dim; d += kBlock) {
    weigh_columns<4>(keys, values + d, stride, weights, weighted + d, Full{});
  }
  for_lanes(d, args.head_dim, [=](std::int64_t at, auto span) {
    weigh_columns<1>(keys, values + at, stride, weights, weighted + at, span);
  });
}

template <class T>
void attend(const CachedAttention& args, std::int64_t head, std::int64_t chunk) {
  const std::int64_t begin = chunk * kKeysPerChunk;
  const std::int64_t end = begin + kKeysPerChunk;
  const std::int64_t first = first_key(args);
  const Keys keys{begin < first ? first : begin, end < args.length ? end : args.length};
  if (keys.first >= keys.last) return;
  alignas(64) float scores[kKeysPerChunk];
  const Partial partial = partial_of(args, head, chunk);
  const float maximum = score_keys<T>(args, head, keys, scores);
  *partial.maximum = maximum;
  *partial.sum = sum_of_row(keys.last - keys.first, [&](std::int64_t j, auto span) {
    const Lanes score = load(static_cast<const float*>(scores) + j, span);
    const Lanes weight = exp(keep(score, span, -__builtin_inff()) - splat(maximum));
    store(scores + j, weight, span);
    return weight;
  });
  weigh_values<T>(args, head, keys, scores, partial.weighted);
}

// The chunks of a head in index order.
template <class T>
void combine(const CachedAttention& args, std::int64_t head) {
  const std::int64_t first_chunk = first_key(args) / kKeysPerChunk;
  float maximum = -__builtin_inff();
  for (std::int64_t chunk = first_chunk; chunk < chunks_of(args); ++chunk) {
    const float m = *partial_of(args, head, chunk).maximum;
    maximum = maximum > m ? maximum : m;
  }
  float sum = 0.0F;
  for (std::int64_t chunk = first_chunk; chunk < chunks_of(args); ++chunk) {
    const Partial partial = partial_of(args, head, chunk);
    const float factor = first_lane(exp(splat(*partial.maximum - maximum)));
    *partial.maximum = factor;
    sum += *partial.sum * factor;
  }
  T* y = static_cast<T*>(args.y) + head * args.head_dim;
  for_lanes(0, args.head_dim, [&](std::int64_t d, auto span) {
    Lanes weighted = splat(0.0F);
    for (std::int64_t chunk = first_chunk; chunk < chunks_of(args); ++chunk) {
      const Partial partial = partial_of(args, head, chunk);
      weighted = fma(splat(*partial.maximum),
                     load(static_cast<const float*>(partial.weighted) + d, span),
                     weighted);
    }
    store(y + d, weighted / splat(sum), span);
  });
}

}  // namespace

void LONGHAUL_SIMD_BODY(cached_attention)(const CachedAttention& args, const Launch& launch) {
  check(args);
  const std::int64_t chunks = chunks_of(args);
  const std::int64_t sharing = args.heads / args.kv_heads;
  with_element_type(args.dtype, [&]<class T>(const T*) {
    // Everything that reads a chunk of keys runs one after the other: it stays in cache.
    launch.pool->parallel_for(args.kv_heads * chunks, [&](std::int64_t task, int) {
      const std::int64_t first = task % args.kv_heads * sharing;
      for (std::int64_t head = first; head < first + sharing; ++head) {
        attend<T>(args, head, task / args.kv_heads);
      }
    });
    launch.pool->parallel_for(args.heads, [&](std::int64_t head, int) { combine<T>(args, head); });
  });
}

}  // namespace longhaul::kernels
