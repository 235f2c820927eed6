// Backward of causal_attention.cu in three kernels: delta of every row, then d_q by tiles of
// queries, then d_k and d_v by tiles of keys, in which the query heads that share keys are added in
// order. Scores are computed once more in each, which costs two products and needs neither atomics
// nor memory that grows with the length.
#include "kernels/attention/attention_tiles.cuh"
#include "kernels/attention/causal_attention.h"
#include "kernels/device/launch.cuh"
#include "kernels/device/reduce.cuh"

namespace longhaul::kernels {
namespace {

constexpr int kDeltaThreads = 256;

// A warp per token and head.
template <class T>
__global__ void delta_kernel(CausalAttentionBackward args) {
  const CausalAttentionForward& f = args.forward;
  const std::int64_t i =
      static_cast<std::int64_t>(blockIdx.x) * (kDeltaThreads / 32) + threadIdx.x / 32;
  if (i >= f.tokens * f.heads) return;  // whole warps leave
  const T* d_y = static_cast<const T*>(args.d_y) + i * f.head_dim;
  const T* y = static_cast<const T*>(f.y) + i * f.head_dim;
  float sum = 0.0F;
  for (std::int64_t d = threadIdx.x % 32; d < f.head_dim; d += 32) {
    sum = fmaf(to_float(d_y[d]), to_float(y[d]), sum);
  }
  sum = sum_of_group<32>(sum);
  if (threadIdx.x % 32 == 0) args.delta[i % f.heads * f.tokens + i / f.heads] = sum;
}

// What both kernels have in shared memory.
template <class T, int kSide>
struct Arrays {
  static constexpr int kScores = padded_stride<float>(kSide);
  static constexpr int kWeights = padded_stride<T>(kSide);
  int dims;
  int stride;
  T* q;
  T* d_y;
  T* k;
  T* v;
  float* scores;
  float* d_p;
  T* p;
  T* d_scores;

  __device__ explicit Arrays(std::int64_t head_dim)
      : dims(padded_dims(head_dim)), stride(padded_stride<T>(dims)) {
    SharedArrays arrays(dynamic_shared());
    q = arrays.take<T>(kSide * stride);
    d_y = arrays.take<T>(kSide * stride);
    k = arrays.take<T>(kSide * stride);
    v = arrays.take<T>(kSide * stride);
    scores = arrays.take<float>(kSide * kScores);
    d_p = arrays.take<float>(kSide * kScores);
    p = arrays.take<T>(kSide * kWeights);
    d_scores = arrays.take<T>(kSide * kWeights);
  }

  __device__ void load_queries(const CausalAttentionBackward& args,
                               std::int64_t head,
                               std::int64_t token,
                               int rows) const {
    const CausalAttentionForward& f = args.forward;
    load_rows<T, kSide>(q, dims, f.q, f.heads, head, f.head_dim, token, rows);
    load_rows<T, kSide>(d_y, dims, args.d_y, f.heads, head, f.head_dim, token, rows);
  }
  __device__ void load_keys(const CausalAttentionForward& f,
                            std::int64_t kv_head,
                            std::int64_t token,
                            int rows) const {
    load_rows<T, kSide>(k, dims, f.k, f.kv_heads, kv_head, f.head_dim, token, rows);
    load_rows<T, kSide>(v, dims, f.v, f.kv_heads, kv_head, f.head_dim, token, rows);
  }
};

// A tile of queries of one head meets a tile of keys, both counted in their segment.
struct Pair {
  std::int64_t head;
  std::int64_t token;  // of the first query
  int rows;            // queries
  int query_tile;
  int key_tile;
};

// p and d_scores from tiles that are in shared memory. Begins and ends with all threads together.
template <class T, int kSide>
__device__ void differentiate(const CausalAttentionBackward& args,
                              const Arrays<T, kSide>& a,
                              const Pair& pair) {
  const CausalAttentionForward& f = args.forward;
  __syncthreads();
  multiply_rows<T, kSide>(a.q, a.k, a.stride, a.dims, a.scores);
  multiply_rows<T, kSide>(a.d_y, a.v, a.stride, a.dims, a.d_p);
  __syncthreads();
  const RowShare<kSide> share;
  const bool is_row = share.row < pair.rows;
  const std::int64_t statistic = pair.head * f.tokens + pair.token + share.row;
  const float log_sum_exp = is_row ? f.lse[statistic] : 0.0F;
  const float delta = is_row ? args.delta[statistic] : 0.0F;
  const std::int64_t query = static_cast<std::int64_t>(pair.query_tile) * kSide + share.row;
  for (int c = share.first_column; c < kSide; c += RowShare<kSide>::kPerRow) {
    const std::int64_t key = static_cast<std::int64_t>(pair.key_tile) * kSide + c;
    const int score = share.row * Arrays<T, kSide>::kScores + c;
    const bool is_seen = is_row && is_visible(f, query, key);
    const float p = is_seen ? expf(fmaf(a.scores[score], f.scale, -log_sum_exp)) : 0.0F;
    const float d_score = is_seen ? p * (a.d_p[score] - delta) * f.scale : 0.0F;
    assign(a.p[share.row * Arrays<T, kSide>::kWeights + c], p);
    assign(a.d_scores[share.row * Arrays<T, kSide>::kWeights + c], d_score);
  }
  __syncthreads();
}

template <class T, int kSide, int kMostDims>
__global__ void __launch_bounds__(kTileThreads) queries_kernel(CausalAttentionBackward args) {
  const CausalAttentionForward& f = args.forward;
  const SegmentTile at = find_tile<kSide>(f, blockIdx.x);
  if (at.rows == 0) return;
  const std::int64_t head = blockIdx.y;
  const std::int64_t kv_head = head / (f.heads / f.kv_heads);
  const std::int64_t token = at.begin + static_cast<std::int64_t>(at.index) * kSide;
  const Arrays<T, kSide> a(f.head_dim);
  a.load_queries(args, head, token, at.rows);
  OutputTile<T, kSide, kMostDims> d_q(a.dims);
  for (int tile = first_key_tile<kSide>(f, at.index); tile <= at.index; ++tile) {
    a.load_keys(f,
                kv_head,
                at.begin + static_cast<std::int64_t>(tile) * kSide,
                rows_of_tile<kSide>(at.length, tile));
    differentiate(args, a, {head, token, at.rows, at.index, tile});
    d_q.template add<Order::kRows>(a.d_scores, Arrays<T, kSide>::kWeights, a.k, a.stride);
    __syncthreads();
  }
  float* result = reinterpret_cast<float*>(a.q);
  d_q.store(result, padded_stride<float>(a.dims));
  __syncthreads();
  store_rows<T>(result, a.dims, args.d_q, f.heads, head, f.head_dim, token, at.rows);
}

template <class T, int kSide, int kMostDims>
__global__ void __launch_bounds__(kTileThreads) keys_kernel(CausalAttentionBackward args) {
  const CausalAttentionForward& f = args.forward;
  const SegmentTile at = find_tile<kSide>(f, blockIdx.x);
  if (at.rows == 0) return;
  const std::int64_t kv_head = blockIdx.y;
  const std::int64_t group = f.heads / f.kv_heads;
  const std::int64_t token = at.begin + static_cast<std::int64_t>(at.index) * kSide;
  const int tiles = static_cast<int>((at.length + kSide - 1) / kSide);
  const Arrays<T, kSide> a(f.head_dim);
  a.load_keys(f, kv_head, token, at.rows);
  OutputTile<T, kSide, kMostDims> d_k(a.dims);
  OutputTile<T, kSide, kMostDims> d_v(a.dims);
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    for (int tile = at.index; tile < tiles; ++tile) {
      if (first_key_tile<kSide>(f, tile) > at.index) break;  // later queries see none of these keys
      const std::int64_t first = at.begin + static_cast<std::int64_t>(tile) * kSide;
      const int rows = rows_of_tile<kSide>(at.length, tile);
      a.load_queries(args, head, first, rows);
      differentiate(args, a, {head, first, rows, tile, at.index});
      d_v.template add<Order::kColumns>(a.p, Arrays<T, kSide>::kWeights, a.d_y, a.stride);
      d_k.template add<Order::kColumns>(a.d_scores, Arrays<T, kSide>::kWeights, a.q, a.stride);
      __syncthreads();
    }
  }
  float* result = reinterpret_cast<float*>(a.q);
  const int stride = padded_stride<float>(a.dims);
  d_k.store(result, stride);
  __syncthreads();
  store_rows<T>(result, a.dims, args.d_k, f.kv_heads, kv_head, f.head_dim, token, at.rows);
  __syncthreads();
  d_v.store(result, stride);
  __syncthreads();
  store_rows<T>(result, a.dims, args.d_v, f.kv_heads, kv_head, f.head_dim, token, at.rows);
}

template <class T, int kMostDims>
void backward(const CausalAttentionBackward& args, cudaStream_t stream) {
  constexpr int kSide = backward_side<T>(kMostDims);
  using Sizes = TileSizes<T, kSide>;
  const CausalAttentionForward& f = args.forward;
  const std::int64_t rows = f.tokens * f.heads;
  const auto warps = static_cast<unsigned>(chunk_count(rows, kDeltaThreads / 32));
  enqueue(delta_kernel<T>, {warps, kDeltaThreads}, stream, args);

  const Sizes sizes{padded_dims(f.head_dim)};
  const std::size_t shared = 4 * sizes.rows() + 2 * (Sizes::scores() + Sizes::weights());
  const auto tiles = static_cast<unsigned>(f.tokens / kSide + f.segment_count);
  allow_shared(queries_kernel<T, kSide, kMostDims>, shared);
  enqueue(queries_kernel<T, kSide, kMostDims>,
          {{tiles, static_cast<unsigned>(f.heads)}, kTileThreads, shared},
          stream,
          args);
  allow_shared(keys_kernel<T, kSide, kMostDims>, shared);
  enqueue(keys_kernel<T, kSide, kMostDims>,
          {{tiles, static_cast<unsigned>(f.kv_heads)}, kTileThreads, shared},
          stream,
          args);
}

template <class T>
void backward_of_dims(const CausalAttentionBackward& args, cudaStream_t stream) {
  if (args.forward.head_dim <= 64) return backward<T, 64>(args, stream);
  if (args.forward.head_dim <= 128) return backward<T, 128>(args, stream);
  backward<T, 256>(args, stream);
}

}  // namespace

void causal_attention_backward_cuda(const CausalAttentionBackward& args, const Launch& launch) {
  check(args);
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.forward.dtype == DType::kF32 ? backward_of_dims<float>(args, stream)
                                    : backward_of_dims<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
