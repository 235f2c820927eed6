// Products of tiles that a block has in shared memory, 16 by 16 numbers at a time, each by a warp:
// tensor cores for bf16, fused multiply-adds for fp32. Sums are fp32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <mma.h>

#include <cuda_bf16.h>

#include "kernels/device/element.cuh"

namespace longhaul::kernels {

inline constexpr int kTileThreads = 128;
inline constexpr int kTileWarps = kTileThreads / 32;
inline constexpr int kPart = 16;  // rows and columns of a product by one warp

// How an operand lies in memory: element (i, j) at i * stride + j, or at j * stride + i.
enum class Order { kRows, kColumns };

// Elements between rows, so that the rows of a column fall on different banks.
template <class T>
__host__ __device__ constexpr int padded_stride(int columns) {
  return columns + 16 / static_cast<int>(sizeof(T));
}

// A [16, 16] sum of products, spread over a warp; all of its threads call.
template <class T>
class Accumulator;

// Pointers to 32 bytes, strides in multiples of 16 bytes.
template <>
class Accumulator<Bf16> {
 public:
  __device__ void clear() { nvcuda::wmma::fill_fragment(sum_, 0.0F); }

  // sum += a b, a [16, depth], b [depth, 16]; depth is a multiple of 16.
  template <Order kA, Order kB>
  __device__ void add(const Bf16* a, int a_stride, const Bf16* b, int b_stride, int depth) {
    using nvcuda::wmma::fragment;
    for (int k = 0; k < depth; k += kPart) {
      fragment<nvcuda::wmma::matrix_a, kPart, kPart, kPart, __nv_bfloat16, Layout<kA>> left;
      fragment<nvcuda::wmma::matrix_b, kPart, kPart, kPart, __nv_bfloat16, Layout<kB>> right;
      const Bf16* from_a = kA == Order::kRows ? a + k : a + k * a_stride;
      const Bf16* from_b = kB == Order::kRows ? b + k * b_stride : b + k;
      nvcuda::wmma::load_matrix_sync(
          left, reinterpret_cast<const __nv_bfloat16*>(from_a), static_cast<unsigned>(a_stride));
      nvcuda::wmma::load_matrix_sync(
          right, reinterpret_cast<const __nv_bfloat16*>(from_b), static_cast<unsigned>(b_stride));
      nvcuda::wmma::mma_sync(sum_, left, right, sum_);
    }
  }

  __device__ void store(float* to, int stride) const {
    nvcuda::wmma::store_matrix_sync(
        to, sum_, static_cast<unsigned>(stride), nvcuda::wmma::mem_row_major);
  }

 private:
  template <Order kOrder>
  using Layout =
      std::conditional_t<kOrder == Order::kRows, nvcuda::wmma::row_major, nvcuda::wmma::col_major>;
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, kPart, kPart, kPart, float> sum_;
};

// Thread l of the warp has column l mod 16 of the rows 2 e + l / 16.
template <>
class Accumulator<float> {
 public:
  __device__ void clear() {
    for (float& sum : sums_) sum = 0.0F;
  }

  template <Order kA, Order kB>
  __device__ void add(const float* a, int a_stride, const float* b, int b_stride, int depth) {
    for (int k = 0; k < depth; ++k) {
      const float right = b[kB == Order::kRows ? k * b_stride + column() : column() * b_stride + k];
#pragma unroll
      for (int e = 0; e < kCount; ++e) {
        const int r = row(e);
        const float left = a[kA == Order::kRows ? r * a_stride + k : k * a_stride + r];
        sums_[e] = fmaf(left, right, sums_[e]);
      }
    }
  }

  __device__ void store(float* to, int stride) const {
#pragma unroll
    for (int e = 0; e < kCount; ++e) to[row(e) * stride + column()] = sums_[e];
  }

 private:
  static constexpr int kCount = kPart * kPart / 32;
  __device__ static int column() {
    return static_cast<int>(threadIdx.x) % kPart;
  }
  __device__ static int row(int e) {
    return 2 * e + static_cast<int>(threadIdx.x) % 32 / kPart;
  }

  float sums_[kCount];
};

// scores [kSide, kSide] = a b^T for a, b [kSide, depth]; the block's warps share the parts.
template <class T, int kSide>
__device__ void multiply_rows(const T* a, const T* b, int stride, int depth, float* scores) {
  constexpr int kAcross = kSide / kPart;
  constexpr int kStride = padded_stride<float>(kSide);
  for (int part = static_cast<int>(threadIdx.x) / 32; part < kAcross * kAcross;
       part += kTileWarps) {
    const int row = part / kAcross * kPart;
    const int column = part % kAcross * kPart;
    Accumulator<T> sum;
    sum.clear();
    sum.template add<Order::kRows, Order::kColumns>(
        a + row * stride, stride, b + column * stride, stride, depth);
    sum.store(scores + row * kStride + column, kStride);
  }
}

// A sum of products [kSide, columns], columns a multiple of 16 up to kMostColumns, kept by the
// block's warps in their registers.
template <class T, int kSide, int kMostColumns>
class OutputTile {
 public:
  __device__ explicit OutputTile(int columns) : across_(columns / kPart) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) parts_[i].clear();
  }

  // += a b, a [kSide, kSide] in the given order, b [kSide, columns] by rows.
  template <Order kA>
  __device__ void add(const T* a, int a_stride, const T* b, int b_stride) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (!exists(i)) continue;
      const T* from = kA == Order::kRows ? a + row(i) * a_stride : a + row(i);
      parts_[i].template add<kA, Order::kRows>(from, a_stride, b + column(i), b_stride, kSide);
    }
  }

  __device__ void store(float* to, int stride) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (exists(i)) parts_[i].store(to + row(i) * stride + column(i), stride);
    }
  }

 private:
  static constexpr int kDown = kSide / kPart;
  static constexpr int kCount = (kDown * (kMostColumns / kPart) + kTileWarps - 1) / kTileWarps;

  // The parts of a warp are every kTileWarps-th, row by row.
  __device__ int number(int i) const {
    return i * kTileWarps + static_cast<int>(threadIdx.x) / 32;
  }
  __device__ bool exists(int i) const {
    return number(i) < kDown * across_;
  }
  __device__ int row(int i) const {
    return number(i) / across_ * kPart;
  }
  __device__ int column(int i) const {
    return number(i) % across_ * kPart;
  }

  int across_;
  Accumulator<T> parts_[kCount];
};

}  // namespace longhaul::kernels
