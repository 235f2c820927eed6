// One group of threads per row: a warp where rows are narrow, a block where they are wide.
#pragma once

#include <cstdint>

namespace longhaul::kernels {

inline constexpr int kWideRow = 256;           // threads of a block that shares one row
inline constexpr int kNarrowRowsPerBlock = 8;  // warps of a block that have a row each
inline constexpr std::int64_t kWidestNarrowRow = 1024;

// The row of the calling thread, and its place among the kThreads that share it.
template <int kThreads>
struct RowOfThread {
  std::int64_t row;
  int lane;

  __device__ RowOfThread()
      : row(kThreads == 32
                ? static_cast<std::int64_t>(blockIdx.x) * kNarrowRowsPerBlock + threadIdx.x / 32
                : static_cast<std::int64_t>(blockIdx.x)),
        lane(static_cast<int>(threadIdx.x) % kThreads) {}
};

inline bool is_narrow(std::int64_t width) {
  return width <= kWidestNarrowRow;
}

inline unsigned blocks_of_rows(std::int64_t rows, std::int64_t width) {
  return static_cast<unsigned>(
      is_narrow(width) ? (rows + kNarrowRowsPerBlock - 1) / kNarrowRowsPerBlock : rows);
}

}  // namespace longhaul::kernels
