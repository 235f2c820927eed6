// Forward of flash attention (Dao et al. 2022, algorithm 1) on tiles of kTile queries by kTile
// keys: products in fp32 accumulation by tile_product, the element-wise work between them by the
// softmax kernels. Keys and values are laid out for the products once, for all heads that share
// them.

#include <cmath>
#include <limits>
#include <span>

#include <ATen/core/Tensor.h>

#include "longhaul/core/error.h"

#include "attention.h"
#include "attention_tiles.h"
#include "kernels/attention/softmax_tile.h"
#include "tile_product.h"

namespace longhaul {
namespace {

using kernels::CausalAttentionForward;
using kernels::kTile;

// --- forward ----------------------------------------------------------------------------------

template <class T>
struct ForwardWorker {
  T* q;
  float* scores;
  T* probabilities;
  float* accumulator;
  float* maximum;
  float* sum;
  Visible visible;

  ForwardWorker(std::int64_t dim, ScratchParts& parts)
      : q(parts.take<T>(kTile * dim)),
        scores(parts.take<float>(kTile * kTile)),
        probabilities(parts.take<T>(kTile * kTile)),
        accumulator(parts.take<float>(kTile * dim)),
        maximum(parts.take<float>(kTile)),
        sum(parts.take<float>(kTile)),
        visible{parts.take<std::int32_t>(kTile), parts.take<std::int32_t>(kTile)} {}
};

template <class T>
class Forward {
 public:
  Forward(const CausalAttentionForward& args, ThreadPool& pool, ScratchParts parts, Bytes size)
      : args_(args), pool_(pool), map_(args, parts) {
    const std::int64_t packed =
        largest_tile_count(args.tokens, args.segment_count) * args.kv_heads * tile_size();
    keys_ = parts.take<T>(packed);
    values_ = parts.take<T>(packed);
    worker_base_ = parts.take<std::byte>(0);
    ScratchParts one(worker_base_);
    ForwardWorker<T>(args.head_dim, one);
    worker_size_ = one.used();
    const std::int64_t used = parts.used() + worker_size_ * pool.size();
    require(used <= size.count, "attention: needs ", used, " B of scratch, got ", size.count, " B");
  }

  void run() {
    pool_.parallel_for(map_.tiles * args_.kv_heads, [&](std::int64_t i, int) {
      pack_keys_and_values(i / args_.kv_heads, i % args_.kv_heads);
    });
    const std::int64_t items = map_.tiles * args_.heads;
    pool_.parallel_for(items, [&](std::int64_t i, int worker) {
      ScratchParts parts(worker_base_ + worker * worker_size_);
      const std::int64_t from_end =
          items - 1 - i;  // later tiles see more keys: the long ones first
      attend(
          ForwardWorker<T>(args_.head_dim, parts), from_end / args_.heads, from_end % args_.heads);
    });
  }

 private:
  std::int64_t tile_size() const { return kTile * args_.head_dim; }
  T* packed(T* array, std::int64_t tile, std::int64_t kv_head) const {
    return array + (tile * args_.kv_heads + kv_head) * tile_size();
  }

  void pack_keys_and_values(std::int64_t tile, std::int64_t kv_head) const {
    const std::int64_t s = map_.segment[tile];
    const Segment segment = segment_of(args_, s);
    const std::int64_t local = tile - map_.first[s];
    const std::int64_t token = segment.begin + local * kTile;
    const std::int64_t rows = segment.rows_in(local);
    const auto of = [&](const void* data) {
      return rows_of<T>(data, args_.kv_heads, kv_head, args_.head_dim, token, rows);
    };
    pair_columns(of(args_.k), packed(keys_, tile, kv_head));
    pair_rows(of(args_.v), packed(values_, tile, kv_head));
  }

  void attend(const ForwardWorker<T>& w, std::int64_t tile, std::int64_t head) const {
    const std::int64_t s = map_.segment[tile];
    const Segment segment = segment_of(args_, s);
    const std::int64_t local = tile - map_.first[s];
    const std::int64_t token = segment.begin + local * kTile;
    const std::int64_t rows = segment.rows_in(local);
    const std::int64_t dim = args_.head_dim;
    const std::int64_t kv_head = head / (args_.heads / args_.kv_heads);
    const kernels::Launch here{&pool_, nullptr};
    copy_rows(rows_of<T>(args_.q, args_.heads, head, dim, token, rows), w.q);
    std::fill_n(w.accumulator, tile_size(), 0.0F);
    std::fill_n(w.maximum, kTile, -std::numeric_limits<float>::infinity());
    std::fill_n(w.sum, kTile, 0.0F);
    const auto [begin, end] = key_tiles(local, args_.window);
    for (std::int64_t t = begin; t < end; ++t) {
      tile_product({kTile, kTile, dim, dim, kTile, false},
                   w.q,
                   packed(keys_, map_.first[s] + t, kv_head),
                   w.scores);
      w.visible.set_keys(local * kTile, t * kTile, args_.window);
      kernels::softmax_tile_kernels().tile({.scores = w.scores,
                                            .probabilities = w.probabilities,
                                            .maximum = w.maximum,
                                            .sum = w.sum,
                                            .accumulator = w.accumulator,
                                            .first = w.visible.first,
                                            .last = w.visible.last,
                                            .head_dim = dim,
                                            .scale = args_.scale,
                                            .dtype = args_.dtype},
                                           here);
      tile_product({kTile, dim, kTile, kTile, dim, true},
                   w.probabilities,
                   packed(values_, map_.first[s] + t, kv_head),
                   w.accumulator);
    }
    kernels::softmax_tile_kernels().rows(
        {.accumulator = w.accumulator,
         .maximum = w.maximum,
         .sum = w.sum,
         .y = static_cast<T*>(args_.y) + (token * args_.heads + head) * dim,
         .log_sum_exp = args_.lse + head * args_.tokens + token,
         .rows = rows,
         .stride = args_.heads * dim,
         .head_dim = dim,
         .dtype = args_.dtype},
        here);
    release_tile_products();
  }

  const CausalAttentionForward& args_;
  ThreadPool& pool_;
  TileMap map_;
  T* keys_;
  T* values_;
  std::byte* worker_base_;
  std::int64_t worker_size_ = 0;
};

}  // namespace

void attention_forward(const CausalAttentionForward& args,
                       ThreadPool& pool,
                       std::byte* scratch,
                       Bytes scratch_size) {
  if (args.dtype == DType::kF32) {
    Forward<float>(args, pool, ScratchParts(scratch), scratch_size).run();
  } else {
    Forward<at::BFloat16>(args, pool, ScratchParts(scratch), scratch_size).run();
  }
}

}  // namespace longhaul
