// Flash attention (Dao et al. 2022) without atomics: every output tile belongs to one block, which
// walks the tiles it depends on in order, so bits depend on sizes alone.
//
// Forward: a block has a tile of queries of one head. It walks the keys twice: first for the
// log-sum-exp of its rows, then for y with probabilities that are final, so that nothing is
// rescaled.
#include "longhaul/core/error.h"

#include "kernels/attention/attention_tiles.cuh"
#include "kernels/attention/causal_attention.h"
#include "kernels/device/launch.cuh"

namespace longhaul::kernels {
namespace {

// The running softmax statistics of a row: Milakov & Gimelshein 2018, algorithm 3.
struct RowStatistics {
  float maximum = -INFINITY;
  float sum = 0.0F;

  template <class Share>
  __device__ void add(const Share& share, float top, float (&scores)[32], int count) {
    const float now = fmaxf(maximum, share.maximum(top));
    const float base = now == -INFINITY ? 0.0F : now;  // a row that has seen nothing yet
    float partial = 0.0F;
    for (int i = 0; i < count; ++i) partial += expf(scores[i] - base);
    sum = fmaf(sum, expf(maximum - base), share.sum(partial));
    maximum = now;
  }
};

template <class T, int kSide, int kMostDims>
__global__ void __launch_bounds__(kTileThreads) forward_kernel(CausalAttentionForward args) {
  const SegmentTile at = find_tile<kSide>(args, blockIdx.x);
  if (at.rows == 0) return;
  const std::int64_t head = blockIdx.y;
  const std::int64_t kv_head = head / (args.heads / args.kv_heads);
  const int dims = padded_dims(args.head_dim);
  const int stride = padded_stride<T>(dims);
  constexpr int kScores = padded_stride<float>(kSide);
  constexpr int kWeights = padded_stride<T>(kSide);
  SharedArrays arrays(dynamic_shared());
  T* q = arrays.take<T>(kSide * stride);
  T* k = arrays.take<T>(kSide * stride);
  T* v = arrays.take<T>(kSide * stride);
  float* scores = arrays.take<float>(kSide * kScores);
  T* weights = arrays.take<T>(kSide * kWeights);
  const std::int64_t first = static_cast<std::int64_t>(at.index) * kSide;
  const std::int64_t token = at.begin + first;
  const int first_tile = first_key_tile<kSide>(args, at.index);
  const RowShare<kSide> share;
  const std::int64_t query = first + share.row;
  load_rows<T, kSide>(q, dims, args.q, args.heads, head, args.head_dim, token, at.rows);

  const auto score_tile = [&](int tile) {
    load_rows<T, kSide>(k,
                        dims,
                        args.k,
                        args.kv_heads,
                        kv_head,
                        args.head_dim,
                        at.begin + static_cast<std::int64_t>(tile) * kSide,
                        rows_of_tile<kSide>(at.length, tile));
    __syncthreads();
    multiply_rows<T, kSide>(q, k, stride, dims, scores);
    __syncthreads();
  };

  RowStatistics row;
  for (int tile = first_tile; tile <= at.index; ++tile) {
    score_tile(tile);
    float own[32];
    float top = -INFINITY;
    int count = 0;
    for (int c = share.first_column; c < kSide; c += RowShare<kSide>::kPerRow) {
      const std::int64_t key = static_cast<std::int64_t>(tile) * kSide + c;
      const bool is_seen = share.row < at.rows && is_visible(args, query, key);
      own[count] = is_seen ? scores[share.row * kScores + c] * args.scale : -INFINITY;
      top = fmaxf(top, own[count]);
      ++count;
    }
    row.add(share, top, own, count);
  }
  const float log_sum_exp = row.maximum + logf(row.sum);
  if (share.row < at.rows && share.first_column == 0) {
    args.lse[head * args.tokens + token + share.row] = log_sum_exp;
  }

  OutputTile<T, kSide, kMostDims> y(dims);
  for (int tile = first_tile; tile <= at.index; ++tile) {
    load_rows<T, kSide>(v,
                        dims,
                        args.v,
                        args.kv_heads,
                        kv_head,
                        args.head_dim,
                        at.begin + static_cast<std::int64_t>(tile) * kSide,
                        rows_of_tile<kSide>(at.length, tile));
    score_tile(tile);
    for (int c = share.first_column; c < kSide; c += RowShare<kSide>::kPerRow) {
      const std::int64_t key = static_cast<std::int64_t>(tile) * kSide + c;
      const bool is_seen = share.row < at.rows && is_visible(args, query, key);
      const float score = scores[share.row * kScores + c];
      assign(weights[share.row * kWeights + c],
             is_seen ? expf(fmaf(score, args.scale, -log_sum_exp)) : 0.0F);
    }
    __syncthreads();
    y.template add<Order::kRows>(weights, kWeights, v, stride);
    __syncthreads();
  }
  float* result = reinterpret_cast<float*>(q);  // over q, k and v
  y.store(result, padded_stride<float>(dims));
  __syncthreads();
  store_rows<T>(result, dims, args.y, args.heads, head, args.head_dim, token, at.rows);
}

template <class T, int kMostDims>
void forward(const CausalAttentionForward& args, cudaStream_t stream) {
  constexpr int kSide = forward_side<T>(kMostDims);
  using Sizes = TileSizes<T, kSide>;
  const Sizes sizes{padded_dims(args.head_dim)};
  const std::size_t shared = 3 * sizes.rows() + Sizes::scores() + Sizes::weights();
  allow_shared(forward_kernel<T, kSide, kMostDims>, shared);
  const dim3 blocks(static_cast<unsigned>(args.tokens / kSide + args.segment_count),
                    static_cast<unsigned>(args.heads));
  enqueue(forward_kernel<T, kSide, kMostDims>, {blocks, kTileThreads, shared}, stream, args);
}

template <class T>
void forward_of_dims(const CausalAttentionForward& args, cudaStream_t stream) {
  if (args.head_dim <= 64) return forward<T, 64>(args, stream);
  if (args.head_dim <= 128) return forward<T, 128>(args, stream);
  forward<T, 256>(args, stream);
}

}  // namespace

void causal_attention_forward_cuda(const CausalAttentionForward& args, const Launch& launch) {
  check(args);
  require(args.head_dim <= kMostCudaHeadDim,
          "causal_attention: head_dim is ",
          args.head_dim,
          ", expected at most ",
          kMostCudaHeadDim);
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? forward_of_dims<float>(args, stream)
                            : forward_of_dims<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
