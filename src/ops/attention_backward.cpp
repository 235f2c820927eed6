// Backward of flash attention (Dao et al. 2022, algorithm 4), one head of one segment at a time: a
// tile of keys meets every tile of queries that sees it. Tiles of scores are transposed (rows are
// keys), so that no tile has to be turned between its products:
//
//   S^T = K Q^T,  dP^T = V dO^T,  dV += P^T dO,  dK += dS^T Q,  dQ^T += K^T dS^T
//
// Gradients of keys and values are fp32 per query head; the heads that share them are added in
// order and rounded once.

#include <ATen/core/Tensor.h>

#include "longhaul/core/error.h"

#include "attention.h"
#include "attention_tiles.h"
#include "kernels/attention/softmax_tile.h"
#include "tile_product.h"

namespace longhaul {
namespace {

using kernels::CausalAttentionBackward;
using kernels::CausalAttentionForward;
using kernels::kTile;

// Tokens per task of the last pass, which adds the heads that share keys.
constexpr std::int64_t kTokensPerTask = 64;

template <class T>
struct Worker {
  // Of all queries of the segment, tile by tile, as second operands.
  T* q_columns;    // Q^T
  T* q_rows;       // Q
  T* d_y_columns;  // dO^T
  T* d_y_rows;     // dO
  float* delta;    // [tokens]: sum_d dO * O
  float* log_sum_exp;
  float* d_q;  // per tile of queries, transposed: [dim, kTile]
  // Of one tile of keys.
  T* k;
  T* v;
  T* k_columns;  // [dim, kTile]
  float* d_k;
  float* d_v;
  // Of one pair of tiles.
  float* scores;
  float* d_p;
  T* probabilities;
  T* d_scores;
  T* d_scores_paired;
  Visible visible;

  Worker(std::int64_t tiles, std::int64_t dim, ScratchParts& parts)
      : q_columns(parts.take<T>(tiles * kTile * dim)),
        q_rows(parts.take<T>(tiles * kTile * dim)),
        d_y_columns(parts.take<T>(tiles * kTile * dim)),
        d_y_rows(parts.take<T>(tiles * kTile * dim)),
        delta(parts.take<float>(tiles * kTile)),
        log_sum_exp(parts.take<float>(tiles * kTile)),
        d_q(parts.take<float>(tiles * kTile * dim)),
        k(parts.take<T>(kTile * dim)),
        v(parts.take<T>(kTile * dim)),
        k_columns(parts.take<T>(kTile * dim)),
        d_k(parts.take<float>(kTile * dim)),
        d_v(parts.take<float>(kTile * dim)),
        scores(parts.take<float>(kTile * kTile)),
        d_p(parts.take<float>(kTile * kTile)),
        probabilities(parts.take<T>(kTile * kTile)),
        d_scores(parts.take<T>(kTile * kTile)),
        d_scores_paired(sizeof(T) == 2 ? parts.take<T>(kTile * kTile) : nullptr),
        visible{parts.take<std::int32_t>(kTile), parts.take<std::int32_t>(kTile)} {}

  const T* second_operand_of_d_scores() const {
    return d_scores_paired != nullptr ? d_scores_paired : d_scores;
  }
};

template <class T>
class Backward {
 public:
  Backward(const CausalAttentionBackward& args, ThreadPool& pool, ScratchParts parts, Bytes size)
      : args_(args),
        forward_(args.forward),
        dim_(args.forward.head_dim),
        group_(args.forward.heads / args.forward.kv_heads),
        pool_(pool),
        d_k_(parts.take<float>(forward_.tokens * forward_.heads * dim_)),
        d_v_(parts.take<float>(forward_.tokens * forward_.heads * dim_)),
        worker_base_(parts.take<std::byte>(0)) {
    ScratchParts one(worker_base_);
    Worker<T>(most_tiles(), dim_, one);
    worker_size_ = one.used();
    const std::int64_t used = parts.used() + worker_size_ * pool.size();
    require(used <= size.count, "attention: needs ", used, " B of scratch, got ", size.count, " B");
  }

  void run() {
    pool_.parallel_for(forward_.segment_count * forward_.heads, [&](std::int64_t i, int worker) {
      const Segment segment = segment_of(forward_, i / forward_.heads);
      if (segment.length == 0) return;
      ScratchParts parts(worker_base_ + worker * worker_size_);
      differentiate(Worker<T>(most_tiles(), dim_, parts), segment, i % forward_.heads);
    });
    const std::int64_t tasks = (forward_.tokens + kTokensPerTask - 1) / kTokensPerTask;
    pool_.parallel_for(tasks, [&](std::int64_t task, int) {
      const std::int64_t begin = task * kTokensPerTask;
      const std::int64_t end = std::min(begin + kTokensPerTask, forward_.tokens);
      for (std::int64_t token = begin; token < end; ++token) {
        add_heads(d_k_, args_.d_k, token);
        add_heads(d_v_, args_.d_v, token);
      }
    });
  }

 private:
  std::int64_t most_tiles() const { return (forward_.tokens + kTile - 1) / kTile; }
  std::int64_t tile_size() const { return kTile * dim_; }
  HeadRows<T> query_rows(const void* data,
                         std::int64_t head,
                         std::int64_t token,
                         std::int64_t rows) const {
    return rows_of<T>(data, forward_.heads, head, dim_, token, rows);
  }

  void differentiate(const Worker<T>& w, const Segment& segment, std::int64_t head) const {
    for (std::int64_t t = 0; t < segment.tiles(); ++t) pack_queries(w, segment, head, t);
    std::fill_n(w.d_q, segment.tiles() * tile_size(), 0.0F);
    for (std::int64_t t = 0; t < segment.tiles(); ++t) keys_of_tile(w, segment, head, t);
    for (std::int64_t t = 0; t < segment.tiles(); ++t) store_d_q(w, segment, head, t);
    release_tile_products();
  }

  void pack_queries(const Worker<T>& w,
                    const Segment& segment,
                    std::int64_t head,
                    std::int64_t t) const {
    const std::int64_t token = segment.begin + t * kTile;
    const std::int64_t rows = segment.rows_in(t);
    const HeadRows<T> q = query_rows(forward_.q, head, token, rows);
    const HeadRows<T> d_y = query_rows(args_.d_y, head, token, rows);
    const HeadRows<T> y = query_rows(forward_.y, head, token, rows);
    pair_columns(q, w.q_columns + t * tile_size());
    pair_rows(q, w.q_rows + t * tile_size());
    pair_columns(d_y, w.d_y_columns + t * tile_size());
    pair_rows(d_y, w.d_y_rows + t * tile_size());
    for (std::int64_t r = 0; r < rows; ++r) {
      float sum = 0.0F;
      for (std::int64_t d = 0; d < dim_; ++d) {
        sum += static_cast<float>(d_y.data[r * d_y.row_stride + d]) *
               static_cast<float>(y.data[r * y.row_stride + d]);
      }
      w.delta[t * kTile + r] = sum;
      w.log_sum_exp[t * kTile + r] = forward_.lse[head * forward_.tokens + token + r];
    }
  }

  void keys_of_tile(const Worker<T>& w,
                    const Segment& segment,
                    std::int64_t head,
                    std::int64_t t) const {
    const std::int64_t token = segment.begin + t * kTile;
    const std::int64_t rows = segment.rows_in(t);
    const HeadRows<T> k =
        rows_of<T>(forward_.k, forward_.kv_heads, head / group_, dim_, token, rows);
    const HeadRows<T> v =
        rows_of<T>(forward_.v, forward_.kv_heads, head / group_, dim_, token, rows);
    copy_rows(k, w.k);
    copy_rows(v, w.v);
    transpose_rows(k, w.k_columns);
    std::fill_n(w.d_k, tile_size(), 0.0F);
    std::fill_n(w.d_v, tile_size(), 0.0F);
    for (std::int64_t q = t; q < segment.tiles(); ++q) {
      if (key_tiles(q, forward_.window).first > t) break;  // later queries no longer see these keys
      pair_of_tiles(w, segment, q, t);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t at = ((token + r) * forward_.heads + head) * dim_;
      std::copy_n(w.d_k + r * dim_, dim_, d_k_ + at);
      std::copy_n(w.d_v + r * dim_, dim_, d_v_ + at);
    }
  }

  void pair_of_tiles(const Worker<T>& w,
                     const Segment& segment,
                     std::int64_t q,
                     std::int64_t t) const {
    const std::int64_t at = q * tile_size();
    tile_product({kTile, kTile, dim_, dim_, kTile, false}, w.k, w.q_columns + at, w.scores);
    tile_product({kTile, kTile, dim_, dim_, kTile, false}, w.v, w.d_y_columns + at, w.d_p);
    w.visible.set_queries(
        q * kTile, segment.rows_in(q), t * kTile, segment.rows_in(t), forward_.window);
    kernels::softmax_tile_kernels().gradient_tile({.scores = w.scores,
                                                   .d_p = w.d_p,
                                                   .log_sum_exp = w.log_sum_exp + q * kTile,
                                                   .delta = w.delta + q * kTile,
                                                   .first = w.visible.first,
                                                   .last = w.visible.last,
                                                   .probabilities = w.probabilities,
                                                   .d_scores = w.d_scores,
                                                   .d_scores_paired = w.d_scores_paired,
                                                   .scale = forward_.scale,
                                                   .dtype = forward_.dtype},
                                                  {&pool_, nullptr});
    tile_product({kTile, dim_, kTile, kTile, dim_, true}, w.probabilities, w.d_y_rows + at, w.d_v);
    tile_product({kTile, dim_, kTile, kTile, dim_, true}, w.d_scores, w.q_rows + at, w.d_k);
    tile_product({dim_, kTile, kTile, kTile, kTile, true},
                 w.k_columns,
                 w.second_operand_of_d_scores(),
                 w.d_q + at);
  }

  void store_d_q(const Worker<T>& w,
                 const Segment& segment,
                 std::int64_t head,
                 std::int64_t t) const {
    const std::int64_t token = segment.begin + t * kTile;
    const float* columns = w.d_q + t * tile_size();
    for (std::int64_t r = 0; r < segment.rows_in(t); ++r) {
      T* row = static_cast<T*>(args_.d_q) + ((token + r) * forward_.heads + head) * dim_;
      for (std::int64_t d = 0; d < dim_; ++d) row[d] = static_cast<T>(columns[d * kTile + r]);
    }
  }

  void add_heads(const float* by_head, void* to, std::int64_t token) const {
    for (std::int64_t kv = 0; kv < forward_.kv_heads; ++kv) {
      T* row = static_cast<T*>(to) + (token * forward_.kv_heads + kv) * dim_;
      const float* from = by_head + (token * forward_.heads + kv * group_) * dim_;
      for (std::int64_t d = 0; d < dim_; ++d) {
        float sum = from[d];
        for (std::int64_t h = 1; h < group_; ++h) sum += from[h * dim_ + d];
        row[d] = static_cast<T>(sum);
      }
    }
  }

  const CausalAttentionBackward& args_;
  const CausalAttentionForward& forward_;
  std::int64_t dim_;
  std::int64_t group_;
  ThreadPool& pool_;
  float* d_k_;  // [tokens, heads, dim]
  float* d_v_;
  std::byte* worker_base_;
  std::int64_t worker_size_ = 0;
};

}  // namespace

void attention_backward(const CausalAttentionBackward& args,
                        ThreadPool& pool,
                        std::byte* scratch,
                        Bytes scratch_size) {
  if (args.forward.dtype == DType::kF32) {
    Backward<float>(args, pool, ScratchParts(scratch), scratch_size).run();
  } else {
    Backward<at::BFloat16>(args, pool, ScratchParts(scratch), scratch_size).run();
  }
}

}  // namespace longhaul
