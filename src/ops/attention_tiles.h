// How packed segments are cut into tiles of kTile tokens, and how rows of a head are laid out for
// tile products. Tiles start at a segment's first token and are padded with zeros, so a segment's
// bits do not depend on its neighbours.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <ATen/core/Tensor.h>

#include "kernels/attention/causal_attention.h"
#include "kernels/attention/softmax_tile.h"

namespace longhaul {

using kernels::kTile;

struct Segment {
  std::int64_t begin;  // token of the micro-batch
  std::int64_t length;
  std::int64_t tiles() const { return (length + kTile - 1) / kTile; }
  std::int64_t rows_in(std::int64_t tile) const { return std::min(kTile, length - tile * kTile); }
};

inline Segment segment_of(const kernels::CausalAttentionForward& args, std::int64_t index) {
  return {args.segments[index], args.segments[index + 1] - args.segments[index]};
}

// Most tiles that segments of a micro-batch can have.
inline std::int64_t largest_tile_count(std::int64_t tokens, std::int64_t max_segments) {
  return tokens / kTile + max_segments;
}

// Rows of one head inside [tokens, row_stride].
template <class T>
struct HeadRows {
  const T* data;  // first row of the tile
  std::int64_t row_stride;
  std::int64_t rows;
  std::int64_t dim;
};

// [kTile, dim], zeros below `rows`.
template <class T>
void copy_rows(const HeadRows<T>& from, T* to) {
  for (std::int64_t r = 0; r < kTile; ++r) {
    T* row = to + r * from.dim;
    if (r < from.rows) {
      std::copy_n(from.data + r * from.row_stride, from.dim, row);
    } else {
      std::fill_n(row, from.dim, T(0));
    }
  }
}

// Elements that the second operand of a tile product keeps together.
template <class T>
constexpr std::int64_t kPair = sizeof(T) == 2 ? 2 : 1;

// Rows as the second operand b [kTile, dim]: [kTile / pair, dim, pair].
template <class T>
void pair_rows(const HeadRows<T>& from, T* to) {
  for (std::int64_t r = 0; r < kTile; ++r) {
    for (std::int64_t d = 0; d < from.dim; ++d) {
      to[(r / kPair<T> * from.dim + d) * kPair<T> + r % kPair<T>] =
          r < from.rows ? from.data[r * from.row_stride + d] : T(0);
    }
  }
}

// Rows transposed as the second operand b [dim, kTile]: [dim / pair, kTile, pair].
template <class T>
void pair_columns(const HeadRows<T>& from, T* to) {
  for (std::int64_t r = 0; r < kTile; ++r) {
    for (std::int64_t d = 0; d < from.dim; ++d) {
      to[(d / kPair<T> * kTile + r) * kPair<T> + d % kPair<T>] =
          r < from.rows ? from.data[r * from.row_stride + d] : T(0);
    }
  }
}

// Rows transposed as a first operand: [dim, kTile].
template <class T>
void transpose_rows(const HeadRows<T>& from, T* to) {
  for (std::int64_t r = 0; r < kTile; ++r) {
    for (std::int64_t d = 0; d < from.dim; ++d) {
      to[d * kTile + r] = r < from.rows ? from.data[r * from.row_stride + d] : T(0);
    }
  }
}

// Parts of a scratch range, each on 64 bytes.
class ScratchParts {
 public:
  explicit ScratchParts(std::byte* base) : base_(base) {}
  template <class T>
  T* take(std::int64_t count) {
    T* part = reinterpret_cast<T*>(base_ + used_);
    used_ += (count * static_cast<std::int64_t>(sizeof(T)) + 63) / 64 * 64;
    return part;
  }
  std::int64_t used() const { return used_; }

 private:
  std::byte* base_;
  std::int64_t used_ = 0;
};

// The tiles of all segments, numbered segment by segment.
struct TileMap {
  std::int32_t* segment;  // [tiles]
  std::int32_t* first;    // [segments]: number of the segment's first tile
  std::int64_t tiles = 0;

  TileMap(const kernels::CausalAttentionForward& args, ScratchParts& parts)
      : segment(parts.take<std::int32_t>(largest_tile_count(args.tokens, args.segment_count))),
        first(parts.take<std::int32_t>(args.segment_count)) {
    for (std::int64_t s = 0; s < args.segment_count; ++s) {
      first[s] = static_cast<std::int32_t>(tiles);
      const std::int64_t count = segment_of(args, s).tiles();
      for (std::int64_t t = 0; t < count; ++t) segment[tiles++] = static_cast<std::int32_t>(s);
    }
  }
};

// Columns of a tile that rows of another see, per row. Queries begin at `query`, keys at `key`,
// both counted from the segment's start.
struct Visible {
  std::int32_t* first;
  std::int32_t* last;

  // Rows are queries: keys in (q - window, q].
  void set_keys(std::int64_t query, std::int64_t key, std::int64_t window) const {
    for (std::int64_t r = 0; r < kTile; ++r) {
      const std::int64_t q = query + r;
      const std::int64_t low = window > 0 ? q - window + 1 : 0;
      set(r, low - key, q + 1 - key, kTile);
    }
  }
  // Rows are keys: queries in [k, k + window) that exist.
  void set_queries(std::int64_t query,
                   std::int64_t queries,
                   std::int64_t key,
                   std::int64_t keys,
                   std::int64_t window) const {
    for (std::int64_t r = 0; r < kTile; ++r) {
      const std::int64_t k = key + r;
      const std::int64_t end = window > 0 ? k + window : query + queries;
      if (r < keys) {
        set(r, k - query, end - query, queries);
      } else {
        set(r, 0, 0, 0);
      }
    }
  }

 private:
  void set(std::int64_t row, std::int64_t begin, std::int64_t end, std::int64_t limit) const {
    first[row] = static_cast<std::int32_t>(std::clamp<std::int64_t>(begin, 0, limit));
    last[row] = static_cast<std::int32_t>(std::clamp<std::int64_t>(end, 0, limit));
  }
};

template <class T>
HeadRows<T> rows_of(const void* data,
                    std::int64_t heads,
                    std::int64_t head,
                    std::int64_t dim,
                    std::int64_t token,
                    std::int64_t rows) {
  return {static_cast<const T*>(data) + (token * heads + head) * dim, heads * dim, rows, dim};
}

// First and last + 1 tile of keys that a tile of queries sees.
inline std::pair<std::int64_t, std::int64_t> key_tiles(std::int64_t query_tile,
                                                       std::int64_t window) {
  const std::int64_t low =
      window > 0 ? std::max<std::int64_t>(query_tile * kTile - window + 1, 0) : 0;
  return {low / kTile, query_tile + 1};
}

}  // namespace longhaul
