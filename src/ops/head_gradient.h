// The weight's gradient of a head with several token tiles, in bf16: the products of all tiles are
// summed in fp32, in the order of the tiles, and rounded once. (In fp32 the library adds to the
// gradient itself.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "longhaul/core/thread_pool.h"

namespace longhaul {

// d_weight [rows, width] = sum over tiles of d_logits^T [rows, tokens] hidden [tokens, width]
class HeadGradient {
 public:
  struct Shape {
    std::int64_t rows;         // of the vocabulary
    std::int64_t width;        // of hidden
    std::int64_t tile_tokens;  // at most, in one tile
  };
  // All bits are bf16.
  struct Tile {
    const std::uint16_t* d_logits;  // [tokens, rows]
    const std::uint16_t* hidden;    // [tokens, width]
    std::int64_t tokens;
    bool is_first;
    std::uint16_t* d_weight;  // [rows, width], written by the last tile; null before it
  };

  HeadGradient() = default;
  // `scratch`: scratch_bytes(shape, workers) on 64 bytes, kept from the first tile to the last.
  HeadGradient(const Shape& shape, std::byte* scratch, int workers);
  static std::int64_t scratch_bytes(const Shape& shape, int workers);

  void add(const Tile& tile, ThreadPool& pool) const;

 private:
  void transpose_hidden(const Tile& tile, std::int64_t block) const;
  void pair_logits(const Tile& tile, std::int64_t block, std::uint32_t* pairs) const;
  void add_products(const Tile& tile, std::int64_t block, int worker) const;
  void round_sums(std::int64_t block, std::uint16_t* d_weight) const;
  float* sums_of(std::int64_t block) const;

  Shape shape_{};
  std::int64_t stride_ = 0;          // tokens of a tile, even
  float* sums_ = nullptr;            // per block of the vocabulary [width, kHeadSumRows]
  std::uint16_t* hidden_ = nullptr;  // [width, stride]
  std::uint32_t* pairs_ = nullptr;   // per worker [stride / 2, kHeadSumRows]: two tokens in each
};

}  // namespace longhaul
