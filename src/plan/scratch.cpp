#include "longhaul/plan/scratch.h"

#include <algorithm>

#include "longhaul/graph/run_rules.h"

namespace longhaul {
namespace {

constexpr std::int64_t kRowsPerChunk = 64;  // of a reduction over rows
constexpr std::int64_t kSumChunkElements = 4096;
constexpr std::int64_t kTile = 64;           // of flash attention, queries and keys
constexpr std::int64_t kKeysPerChunk = 256;  // of attention against a cache

std::int64_t chunks(std::int64_t count, std::int64_t length) {
  return (count + length - 1) / length;
}

// Column sums over rows: fp32 partial sums, one row per chunk of rows.
std::int64_t column_sums(std::int64_t rows, std::int64_t width) {
  return chunks(rows, kRowsPerChunk) * width * 4;
}

struct ScratchOf {
  OpKind kind;
  BatchShape shape;
  ComputeLane compute;
  int element_size;

  bool is_backward() const { return kind == OpKind::kBackward; }
  bool is_cuda() const { return compute.device == DeviceKind::kCuda; }
  std::int64_t products(std::int64_t k) const {
    if (is_cuda()) return kCudaProductScratch.count;
    return compute.workers * (kProductScratch.count + 2 * kProductTileRows * k * element_size);
  }

  std::int64_t operator()(const Embedding&) const { return 0; }
  std::int64_t operator()(const Add&) const { return 0; }
  std::int64_t operator()(const Rotary&) const { return 0; }
  std::int64_t operator()(const Swiglu&) const { return 0; }
  std::int64_t operator()(const Gelu&) const { return 0; }
  std::int64_t operator()(const RmsNorm& n) const {
    return is_backward() ? column_sums(shape.tokens * n.groups, n.width) : 0;
  }
  std::int64_t operator()(const LayerNorm& n) const {
    return is_backward() ? 2 * column_sums(shape.tokens, n.width) : 0;
  }
  std::int64_t operator()(const Linear& n) const {
    const std::int64_t k = is_backward() ? std::max(n.out, shape.tokens) : n.in;
    const std::int64_t bias = is_backward() && n.has_bias ? column_sums(shape.tokens, n.out) : 0;
    return std::max(products(k), bias);
  }
  std::int64_t operator()(const Attention& n) const {
    if (kind == OpKind::kDecode) {
      return n.heads * chunks(shape.positions, kKeysPerChunk) * (n.head_dim + 2) * 4;
    }
    if (is_cuda()) return is_backward() ? n.heads * shape.tokens * 4 : 0;  // a number per row
    return is_backward() ? attention_backward(n) : attention_forward(n);
  }
  std::int64_t operator()(const HeadLoss& n) const {
    if (kind == OpKind::kSumLosses) {
      return chunks(shape.tokens, kSumChunkElements) * 8 + kBufferSlack;
    }
    if (kind == OpKind::kHeadStatistics || kind == OpKind::kHeadGradient) return head_tile(n);
    const std::int64_t rows = std::min(n.tile_tokens, shape.tokens);
    const std::int64_t library = products(std::max(n.width, rows));
    if (kind == OpKind::kLogits) return library + n.width * element_size + kBufferSlack;
    const std::int64_t logits = rows * n.rows * element_size;
    const bool is_summed = shape.tokens > rows && element_size == 2;
    return logits + library + (is_summed ? head_sums(n, rows) : 0) + 4 * kBufferSlack;
  }

  // fp32 sums of the weight's gradient; on the host also hidden of a tile, and per worker a block
  // of columns of logits.
  std::int64_t head_sums(const HeadLoss& n, std::int64_t rows) const {
    if (is_cuda()) return n.rows * n.width * 4;
    const std::int64_t sums = chunks(n.rows, kHeadSumRows) * kHeadSumRows * n.width * 4;
    const std::int64_t pairs = chunks(rows, 2) * 2;
    return sums + pairs * n.width * 2 + compute.workers * pairs * kHeadSumRows * 2;
  }

  // Logits of a tile of the vocabulary, and its part of the gradient of hidden.
  std::int64_t head_tile(const HeadLoss& n) const {
    const std::int64_t logits = shape.tokens * std::min(n.tile_rows, n.rows) * element_size;
    const bool is_gradient = kind == OpKind::kHeadGradient;
    const std::int64_t hidden = is_gradient ? shape.tokens * n.width * element_size : 0;
    const std::int64_t k = is_gradient ? std::max(n.width, shape.tokens) : n.width;
    return logits + hidden + 2 * kBufferSlack + products(k);
  }
  // Keys and values of all tiles, then per worker a tile of queries, scores, probabilities, sums.
  std::int64_t attention_forward(const Attention& n) const {
    const std::int64_t tiles = shape.tokens / kTile + shape.max_segments;
    const std::int64_t packed = 2 * tiles * n.kv_heads * kTile * n.head_dim * element_size;
    const std::int64_t worker =
        kTile * (n.head_dim * (element_size + 4) + kTile * (4 + element_size) + 16);
    return packed + tiles * 4 + shape.max_segments * 4 + compute.workers * (worker + 8 * kPart) +
           4 * kPart;
  }
  // Gradients of keys and values per query head, then per worker the queries of a segment, a tile
  // of keys, and a pair of tiles.
  std::int64_t attention_backward(const Attention& n) const {
    const std::int64_t rows = chunks(shape.tokens, kTile) * kTile;
    const std::int64_t by_head = 2 * shape.tokens * n.heads * n.head_dim * 4;
    const std::int64_t queries = rows * (n.head_dim * (4 * element_size + 4) + 8);
    const std::int64_t keys = kTile * n.head_dim * (3 * element_size + 8);
    const std::int64_t pair = kTile * kTile * (8 + 3 * element_size) + kTile * 8;
    return by_head + compute.workers * (queries + keys + pair + 20 * kPart) + 2 * kPart;
  }

  static constexpr std::int64_t kPart = 64;          // each part of a scratch starts on 64 bytes
  static constexpr std::int64_t kBufferSlack = 256;  // each part starts on 256 bytes
};

}  // namespace

Bytes scratch_bytes(const ModelGraph& graph,
                    const Node& node,
                    OpKind kind,
                    const BatchShape& shape,
                    const ComputeLane& compute) {
  const int element_size = size_of(graph[graph.hidden].dtype);
  return Bytes{std::visit(ScratchOf{kind, shape, compute, element_size}, node.kind)};
}

}  // namespace longhaul
