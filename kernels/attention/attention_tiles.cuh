// What the attention kernels of causal_attention.cu share: tiles of kSide queries or keys that
// begin at a segment's first token, so that a segment's bits do not depend on its neighbours, and
// the range of shared memory that a block cuts into arrays.
#pragma once

#include <cstdint>

#include "kernels/attention/causal_attention.h"
#include "kernels/device/tiles.cuh"

namespace longhaul::kernels {

// Rows and columns of a tile, so that the arrays of a block fit 99 KiB, the least that a block may
// have on the GPUs that we build for: by bytes of an element and the head dims it is compiled for.
template <class T>
constexpr int forward_side(int most_dims) {
  return sizeof(T) == 2 ? (most_dims <= 128 ? 64 : 32) : 64 * 64 / most_dims;
}
template <class T>
constexpr int backward_side(int most_dims) {
  return most_dims <= 64 && sizeof(T) == 2 ? 64 : most_dims <= 128 || sizeof(T) == 2 ? 32 : 16;
}

// Head dims rounded up to whole parts of a product; what is beyond head_dim is zero.
__host__ __device__ inline int padded_dims(std::int64_t head_dim) {
  return static_cast<int>((head_dim + kPart - 1) / kPart) * kPart;
}

__host__ __device__ constexpr std::size_t array_bytes(std::size_t size) {
  return (size + 127) / 128 * 128;
}

// The arrays of one block: `rows` of [kSide, dims] and two of [kSide, kSide], each of fp32 and T.
template <class T, int kSide>
struct TileSizes {
  int dims;
  std::size_t rows() const {
    return array_bytes(static_cast<std::size_t>(kSide * padded_stride<T>(dims)) * sizeof(T));
  }
  static constexpr std::size_t scores() {
    return array_bytes(kSide * padded_stride<float>(kSide) * sizeof(float));
  }
  static constexpr std::size_t weights() {
    return array_bytes(kSide * padded_stride<T>(kSide) * sizeof(T));
  }
};

// Cuts a range of shared memory into arrays.
class SharedArrays {
 public:
  __device__ explicit SharedArrays(std::byte* base) : next_(base) {}
  template <class T>
  __device__ T* take(int count) {
    T* array = reinterpret_cast<T*>(next_);
    next_ += array_bytes(static_cast<std::size_t>(count) * sizeof(T));
    return array;
  }

 private:
  std::byte* next_;
};

// A tile of a segment; `rows` 0: there is none.
struct SegmentTile {
  std::int64_t begin;  // first token of the segment
  std::int64_t length;
  int index;  // of the tile in the segment
  int rows;
};

// Rows of tile `index` of a segment of so many tokens.
template <int kSide>
__device__ int rows_of_tile(std::int64_t length, int index) {
  return static_cast<int>(
      min(length - static_cast<std::int64_t>(index) * kSide, static_cast<std::int64_t>(kSide)));
}

// Tiles are numbered segment by segment.
template <int kSide>
__device__ SegmentTile find_tile(const CausalAttentionForward& args, std::int64_t number) {
  for (std::int64_t s = 0; s < args.segment_count; ++s) {
    const std::int64_t begin = args.segments[s];
    const std::int64_t length = args.segments[s + 1] - begin;
    const std::int64_t tiles = (length + kSide - 1) / kSide;
    if (number < tiles) {
      const int index = static_cast<int>(number);
      return {begin, length, index, rows_of_tile<kSide>(length, index)};
    }
    number -= tiles;
  }
  return {0, 0, 0, 0};
}

// First tile of keys that a tile of queries sees.
template <int kSide>
__device__ int first_key_tile(const CausalAttentionForward& args, int query_tile) {
  if (args.window == 0) return 0;
  const std::int64_t first = static_cast<std::int64_t>(query_tile) * kSide - args.window + 1;
  return first > 0 ? static_cast<int>(first / kSide) : 0;
}

// Whether query `q` of a segment sees its key `k`.
__device__ inline bool is_visible(const CausalAttentionForward& args,
                                  std::int64_t q,
                                  std::int64_t k) {
  return k <= q && (args.window == 0 || k > q - args.window);
}

// Brings `rows` tokens of one head from [tokens, heads, head_dim] to [kSide, dims]; zeros
// elsewhere.
template <class T, int kSide>
__device__ void load_rows(T* to,
                          int dims,
                          const void* from,
                          std::int64_t heads,
                          std::int64_t head,
                          std::int64_t head_dim,
                          std::int64_t token,
                          int rows) {
  const T* first = static_cast<const T*>(from) + (token * heads + head) * head_dim;
  const int stride = padded_stride<T>(dims);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  for (int r = warp; r < kSide; r += kTileWarps) {
    const T* row = first + r * heads * head_dim;
    for (int d = static_cast<int>(threadIdx.x) % 32; d < dims; d += 32) {
      to[r * stride + d] = r < rows && d < head_dim ? row[d] : T{};
    }
  }
}

// Stores `rows` of [kSide, dims] fp32 as tokens of one head.
template <class T>
__device__ void store_rows(const float* from,
                           int dims,
                           void* to,
                           std::int64_t heads,
                           std::int64_t head,
                           std::int64_t head_dim,
                           std::int64_t token,
                           int rows) {
  T* first = static_cast<T*>(to) + (token * heads + head) * head_dim;
  const int stride = padded_stride<float>(dims);
  for (int r = static_cast<int>(threadIdx.x) / 32; r < rows; r += kTileWarps) {
    T* row = first + r * heads * head_dim;
    for (int d = static_cast<int>(threadIdx.x) % 32; d < head_dim; d += 32) {
      assign(row[d], from[r * stride + d]);
    }
  }
}

// The row of a [kSide, kSide] tile that a thread works on, together with kPerRow - 1 neighbours.
template <int kSide>
struct RowShare {
  static constexpr int kPerRow = kTileThreads / kSide;
  static_assert(kPerRow >= 1 && kPerRow <= 32);
  int row;
  int first_column;

  __device__ RowShare()
      : row(static_cast<int>(threadIdx.x) / kPerRow),
        first_column(static_cast<int>(threadIdx.x) % kPerRow) {}
  __device__ float sum(float x) const {
    for (int step = kPerRow / 2; step >= 1; step /= 2) x += __shfl_xor_sync(0xFFFFFFFFU, x, step);
    return x;
  }
  __device__ float maximum(float x) const {
    for (int step = kPerRow / 2; step >= 1; step /= 2) {
      x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFU, x, step));
    }
    return x;
  }
};

}  // namespace longhaul::kernels
