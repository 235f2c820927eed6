#include <algorithm>
#include <cmath>
#include <limits>

#include "longhaul/core/error.h"

#include "kernels/attention/causal_attention.h"
#include "kernels/element.h"

namespace longhaul::kernels {
namespace {

void check_segments(const CausalAttentionForward& args) {
  check(args);
  require(args.segments[0] == 0 && args.segments[args.segment_count] == args.tokens,
          "causal_attention: segments do not begin at 0 and end at tokens = ",
          args.tokens);
}

std::int64_t group_of(const CausalAttentionForward& args, std::int64_t head) {
  return head / (args.heads / args.kv_heads);
}

std::int64_t query_row(const CausalAttentionForward& args, std::int64_t i, std::int64_t head) {
  return (i * args.heads + head) * args.head_dim;
}

std::int64_t key_row(const CausalAttentionForward& args, std::int64_t j, std::int64_t group) {
  return (j * args.kv_heads + group) * args.head_dim;
}

// The first key that query i of a segment beginning at `segment` attends to.
std::int64_t first_key(const CausalAttentionForward& args, std::int64_t segment, std::int64_t i) {
  return args.window == 0 ? segment : std::max(segment, i + 1 - args.window);
}

// sum_d a[first_a + d] * b[first_b + d]
double dot(const CausalAttentionForward& args,
           const void* a,
           std::int64_t first_a,
           const void* b,
           std::int64_t first_b) {
  double sum = 0.0;
  for (std::int64_t d = 0; d < args.head_dim; ++d) {
    sum += static_cast<double>(load_element(a, first_a + d, args.dtype)) *
           load_element(b, first_b + d, args.dtype);
  }
  return sum;
}

double score(const CausalAttentionForward& args,
             std::int64_t head,
             std::int64_t i,
             std::int64_t j) {
  return args.scale * dot(args,
                          args.q,
                          query_row(args, i, head),
                          args.k,
                          key_row(args, j, group_of(args, head)));
}

// Calls body(first token of the segment, one past its last, token) for every token.
template <class Body>
void for_each_token(const CausalAttentionForward& args, Body body) {
  for (std::int64_t s = 0; s < args.segment_count; ++s) {
    for (std::int64_t i = args.segments[s]; i < args.segments[s + 1]; ++i) {
      body(static_cast<std::int64_t>(args.segments[s]),
           static_cast<std::int64_t>(args.segments[s + 1]),
           i);
    }
  }
}

void forward_row(const CausalAttentionForward& args,
                 std::int64_t segment,
                 std::int64_t i,
                 std::int64_t head) {
  const std::int64_t first = first_key(args, segment, i);
  double maximum = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = first; j <= i; ++j) maximum = std::max(maximum, score(args, head, i, j));
  double total = 0.0;
  for (std::int64_t j = first; j <= i; ++j) total += std::exp(score(args, head, i, j) - maximum);
  const double lse = maximum + std::log(total);
  args.lse[head * args.tokens + i] = static_cast<float>(lse);
  for (std::int64_t d = 0; d < args.head_dim; ++d) {
    double sum = 0.0;
    for (std::int64_t j = first; j <= i; ++j) {
      const std::int64_t value = key_row(args, j, group_of(args, head)) + d;
      sum += std::exp(score(args, head, i, j) - lse) * load_element(args.v, value, args.dtype);
    }
    store_element(args.y, query_row(args, i, head) + d, args.dtype, sum);
  }
}

struct PairGradient {
  double p;    // softmax weight of key j for query i
  double d_s;  // gradient of the scaled score, times scale
};

PairGradient pair_gradient(const CausalAttentionBackward& args,
                           std::int64_t head,
                           std::int64_t i,
                           std::int64_t j) {
  const CausalAttentionForward& forward = args.forward;
  const std::int64_t query = query_row(forward, i, head);
  const double p = std::exp(score(forward, head, i, j) - forward.lse[head * forward.tokens + i]);
  const double d_p =
      dot(forward, args.d_y, query, forward.v, key_row(forward, j, group_of(forward, head)));
  const double delta = dot(forward, args.d_y, query, forward.y, query);
  return {p, p * (d_p - delta) * forward.scale};
}

void backward_query(const CausalAttentionBackward& args, std::int64_t segment, std::int64_t i) {
  const CausalAttentionForward& forward = args.forward;
  for (std::int64_t head = 0; head < forward.heads; ++head) {
    for (std::int64_t d = 0; d < forward.head_dim; ++d) {
      double sum = 0.0;
      for (std::int64_t j = first_key(forward, segment, i); j <= i; ++j) {
        const std::int64_t key = key_row(forward, j, group_of(forward, head)) + d;
        sum += pair_gradient(args, head, i, j).d_s * load_element(forward.k, key, forward.dtype);
      }
      store_element(args.d_q, query_row(forward, i, head) + d, forward.dtype, sum);
    }
  }
}

void backward_key(const CausalAttentionBackward& args,
                  std::int64_t segment,
                  std::int64_t segment_end,
                  std::int64_t j) {
  const CausalAttentionForward& forward = args.forward;
  const std::int64_t shared = forward.heads / forward.kv_heads;
  for (std::int64_t group = 0; group < forward.kv_heads; ++group) {
    for (std::int64_t d = 0; d < forward.head_dim; ++d) {
      double d_k = 0.0;
      double d_v = 0.0;
      for (std::int64_t i = j; i < segment_end && first_key(forward, segment, i) <= j; ++i) {
        for (std::int64_t head = group * shared; head < (group + 1) * shared; ++head) {
          const PairGradient pair = pair_gradient(args, head, i, j);
          const std::int64_t query = query_row(forward, i, head) + d;
          d_k += pair.d_s * load_element(forward.q, query, forward.dtype);
          d_v += pair.p * load_element(args.d_y, query, forward.dtype);
        }
      }
      store_element(args.d_k, key_row(forward, j, group) + d, forward.dtype, d_k);
      store_element(args.d_v, key_row(forward, j, group) + d, forward.dtype, d_v);
    }
  }
}

}  // namespace

void causal_attention_forward_reference(const CausalAttentionForward& args) {
  check_segments(args);
  for_each_token(args, [&](std::int64_t segment, std::int64_t, std::int64_t i) {
    for (std::int64_t head = 0; head < args.heads; ++head) forward_row(args, segment, i, head);
  });
}

void causal_attention_backward_reference(const CausalAttentionBackward& args) {
  check_segments(args.forward);
  for_each_token(args.forward, [&](std::int64_t segment, std::int64_t end, std::int64_t token) {
    backward_query(args, segment, token);
    backward_key(args, segment, end, token);
  });
}

}  // namespace longhaul::kernels
