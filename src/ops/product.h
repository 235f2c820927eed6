// Matrix products as run constants cut them: output tiles, each one single-threaded library call
// over the whole of K. The cut depends on the sizes alone, so any number of threads gives the same
// bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "longhaul/core/dtype.h"
#include "longhaul/core/thread_pool.h"
#include "longhaul/core/units.h"

namespace longhaul {

// A matrix in planned memory: [rows, columns] with any strides, one of them 1.
at::Tensor matrix(std::byte* data,
                  DType dtype,
                  std::int64_t rows,
                  std::int64_t columns,
                  std::int64_t row_stride,
                  std::int64_t column_stride = 1);

class Product {
 public:
  Product() = default;
  // out = a b, or out += a b (added before the one rounding).
  // a [m, k], b [k, n], out [m, n] of one dtype.
  Product(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b, bool accumulates);

  std::int64_t tiles() const { return static_cast<std::int64_t>(tiles_.size()); }
  void run_tile(std::int64_t tile) const;

 private:
  struct Tile {
    at::Tensor out;
    at::Tensor a;
    at::Tensor b;
  };
  std::vector<Tile> tiles_;
  bool accumulates_ = false;
};

// Temporaries of an op's library calls, an equal part for each thread.
struct WorkerScratch {
  std::byte* base = nullptr;
  Bytes per_worker;
};

// Runs all tiles of the products side by side; they must not depend on each other.
void run_products(std::span<const Product* const> products,
                  ThreadPool& pool,
                  const WorkerScratch& scratch);

}  // namespace longhaul
