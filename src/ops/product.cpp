#include "product.h"

#include <algorithm>

#include <ATen/ops/addmm.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/run_rules.h"
#include "longhaul/ops/torch_memory.h"

namespace longhaul {
namespace {

// Enough tiles to keep many threads busy, as long as tiles stay wide enough for full speed.
constexpr std::int64_t kWantedTiles = 8;
constexpr std::int64_t kNarrowestTile = 64;

at::ScalarType scalar_type(DType dtype) {
  require(dtype == DType::kF32 || dtype == DType::kBF16,
          "product: got ",
          name_of(dtype),
          ", expected fp32 or bf16");
  return dtype == DType::kF32 ? at::kFloat : at::kBFloat16;
}

std::int64_t ceil_divide(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

std::int64_t tile_columns(std::int64_t rows, std::int64_t columns) {
  const std::int64_t row_tiles = ceil_divide(rows, kProductTileRows);
  const std::int64_t wanted = ceil_divide(kWantedTiles, row_tiles);
  return std::max(kNarrowestTile, round_up(ceil_divide(columns, wanted), kNarrowestTile));
}

}  // namespace

at::Tensor matrix(std::byte* data,
                  DType dtype,
                  std::int64_t rows,
                  std::int64_t columns,
                  std::int64_t row_stride,
                  std::int64_t column_stride) {
  return at::from_blob(
      data, {rows, columns}, {row_stride, column_stride}, at::TensorOptions(scalar_type(dtype)));
}

Product::Product(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b, bool accumulates)
    : accumulates_(accumulates) {
  const std::int64_t rows = out.size(0);
  const std::int64_t columns = out.size(1);
  const std::int64_t width = tile_columns(rows, columns);
  for (std::int64_t r = 0; r < rows; r += kProductTileRows) {
    const std::int64_t height = std::min(kProductTileRows, rows - r);
    for (std::int64_t c = 0; c < columns; c += width) {
      const std::int64_t span = std::min(width, columns - c);
      tiles_.push_back({out.narrow(0, r, height).narrow(1, c, span),
                        a.narrow(0, r, height),
                        b.narrow(1, c, span)});
    }
  }
}

void Product::run_tile(std::int64_t tile) const {
  const Tile& t = tiles_[static_cast<std::size_t>(tile)];
  at::Tensor out = t.out;
  if (accumulates_) {
    at::addmm_out(out, t.out, t.a, t.b);
  } else {
    at::mm_out(out, t.a, t.b);
  }
}

void run_products(std::span<const Product* const> products,
                  ThreadPool& pool,
                  const WorkerScratch& scratch) {
  std::int64_t count = 0;
  for (const Product* product : products) count += product->tiles();
  pool.parallel_for(count, [&](std::int64_t tile, int worker) {
    const ScratchScope scope(scratch.base + worker * scratch.per_worker.count, scratch.per_worker);
    for (const Product* product : products) {
      if (tile < product->tiles()) return product->run_tile(tile);
      tile -= product->tiles();
    }
  });
}

}  // namespace longhaul
