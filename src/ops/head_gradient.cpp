#include "head_gradient.h"

#include <algorithm>

#include <ATen/core/Tensor.h>

#include "longhaul/core/dtype.h"
#include "longhaul/core/units.h"
#include "longhaul/graph/run_rules.h"

#include "attention_tiles.h"
#include "tile_product.h"

namespace longhaul {
namespace {

constexpr std::int64_t kHiddenBlock = 64;  // columns of hidden in one product

std::int64_t blocks_of(std::int64_t count, std::int64_t length) {
  return (count + length - 1) / length;
}

// The parts of a scratch that begins at `base`.
struct Parts {
  std::int64_t stride;
  float* sums;
  std::uint16_t* hidden;
  std::uint32_t* pairs;
  std::int64_t size;

  Parts(const HeadGradient::Shape& shape, std::byte* base, int workers)
      : stride(round_up(shape.tile_tokens, 2)) {
    ScratchParts parts(base);
    sums = parts.take<float>(round_up(shape.rows, kHeadSumRows) * shape.width);
    hidden = parts.take<std::uint16_t>(shape.width * stride);
    pairs = parts.take<std::uint32_t>(workers * stride / 2 * kHeadSumRows);
    size = parts.used();
  }
};

}  // namespace

HeadGradient::HeadGradient(const Shape& shape, std::byte* scratch, int workers) : shape_(shape) {
  const Parts parts(shape, scratch, workers);
  stride_ = parts.stride;
  sums_ = parts.sums;
  hidden_ = parts.hidden;
  pairs_ = parts.pairs;
}

std::int64_t HeadGradient::scratch_bytes(const Shape& shape, int workers) {
  return Parts(shape, nullptr, workers).size;
}

float* HeadGradient::sums_of(std::int64_t block) const {
  return sums_ + block * shape_.width * kHeadSumRows;
}

void HeadGradient::add(const Tile& tile, ThreadPool& pool) const {
  pool.parallel_for(blocks_of(shape_.width, kHiddenBlock),
                    [&](std::int64_t block, int) { transpose_hidden(tile, block); });
  pool.parallel_for(blocks_of(shape_.rows, kHeadSumRows), [&](std::int64_t block, int worker) {
    add_products(tile, block, worker);
    if (tile.d_weight != nullptr) round_sums(block, tile.d_weight);
  });
}

// Tokens, over which the products sum, lie side by side. An odd last one gets a neighbour of zeros.
void HeadGradient::transpose_hidden(const Tile& tile, std::int64_t block) const {
  const std::int64_t begin = block * kHiddenBlock;
  const std::int64_t end = std::min(begin + kHiddenBlock, shape_.width);
  for (std::int64_t t = 0; t < round_up(tile.tokens, 2); ++t) {
    const bool is_token = t < tile.tokens;
    for (std::int64_t c = begin; c < end; ++c) {
      hidden_[c * stride_ + t] =
          is_token ? tile.hidden[t * shape_.width + c] : static_cast<std::uint16_t>(0);
    }
  }
}

// Columns of d_logits as the second operand of tile_product; zeros beyond the vocabulary.
void HeadGradient::pair_logits(const Tile& tile, std::int64_t block, std::uint32_t* pairs) const {
  const std::int64_t begin = block * kHeadSumRows;
  const std::int64_t count = std::min(kHeadSumRows, shape_.rows - begin);
  for (std::int64_t t = 0; t < tile.tokens; t += 2) {
    const std::uint16_t* const one = tile.d_logits + t * shape_.rows + begin;
    std::uint32_t* const row = pairs + t / 2 * kHeadSumRows;
    if (t + 1 < tile.tokens) {
      const std::uint16_t* const two = one + shape_.rows;
      for (std::int64_t c = 0; c < count; ++c) {
        row[c] = one[c] | static_cast<std::uint32_t>(two[c]) << 16U;
      }
    } else {
      std::copy_n(one, count, row);
    }
    std::fill(row + count, row + kHeadSumRows, 0U);
  }
}

void HeadGradient::add_products(const Tile& tile, std::int64_t block, int worker) const {
  std::uint32_t* const pairs = pairs_ + worker * (stride_ / 2) * kHeadSumRows;
  pair_logits(tile, block, pairs);
  for (std::int64_t c = 0; c < shape_.width; c += kHiddenBlock) {
    tile_product({.m = std::min(kHiddenBlock, shape_.width - c),
                  .n = kHeadSumRows,
                  .k = round_up(tile.tokens, 2),
                  .lda = stride_,
                  .ldc = kHeadSumRows,
                  .accumulates = !tile.is_first},
                 reinterpret_cast<const at::BFloat16*>(hidden_ + c * stride_),
                 reinterpret_cast<const at::BFloat16*>(pairs),
                 sums_of(block) + c * kHeadSumRows);
  }
  release_tile_products();
}

void HeadGradient::round_sums(std::int64_t block, std::uint16_t* d_weight) const {
  const float* const sums = sums_of(block);
  const std::int64_t begin = block * kHeadSumRows;
  const std::int64_t count = std::min(kHeadSumRows, shape_.rows - begin);
  for (std::int64_t r = 0; r < count; ++r) {
    std::uint16_t* const row = d_weight + (begin + r) * shape_.width;
    for (std::int64_t c = 0; c < shape_.width; ++c) row[c] = to_bf16(sums[c * kHeadSumRows + r]);
  }
}

}  // namespace longhaul
