// The part of CUDA's warp matrix functions that the kernels use, for the emulated GPU: lane l of a
// fragment has elements l, l + 32, ... of its matrix, row by row.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <cuda_bf16.h>

#include "emulated_gpu/threads.h"

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int kM, int kN, int kK, class T, class Layout = void>
struct fragment {
  static_assert(kM == 16 && kN == 16 && kK == 16);
  float x[8];
};

inline int element(int i) {
  return i * 32 + static_cast<int>(longhaul::emulated_gpu::lane());
}

inline void require_aligned(const void* pointer, std::size_t stride_bytes) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % 32 == 0 && stride_bytes % 16 == 0) return;
  std::fprintf(
      stderr, "emulated GPU: a fragment at %p with rows of %zu B\n", pointer, stride_bytes);
  std::abort();
}

template <class Fragment>
void fill_fragment(Fragment& to, float value) {
  for (float& x : to.x) x = value;
}

template <class Use, class Layout>
void load_matrix_sync(fragment<Use, 16, 16, 16, __nv_bfloat16, Layout>& to,
                      const __nv_bfloat16* from,
                      unsigned stride) {
  require_aligned(from, stride * 2);
  for (int i = 0; i < 8; ++i) {
    const unsigned row = static_cast<unsigned>(element(i)) / 16;
    const unsigned column = static_cast<unsigned>(element(i)) % 16;
    const bool by_rows = std::is_same_v<Layout, row_major>;
    to.x[i] = __bfloat162float(from[by_rows ? row * stride + column : column * stride + row]);
  }
  __syncwarp();
}

template <class A, class B>
void mma_sync(fragment<accumulator, 16, 16, 16, float>& to,
              const fragment<matrix_a, 16, 16, 16, __nv_bfloat16, A>& a,
              const fragment<matrix_b, 16, 16, 16, __nv_bfloat16, B>& b,
              const fragment<accumulator, 16, 16, 16, float>& c) {
  std::uint64_t lefts[32];
  std::uint64_t rights[32];
  longhaul::emulated_gpu::gather(reinterpret_cast<std::uintptr_t>(a.x), lefts);
  longhaul::emulated_gpu::gather(reinterpret_cast<std::uintptr_t>(b.x), rights);
  const auto at = [](const std::uint64_t(&fragments)[32], int i) {
    return reinterpret_cast<const float*>(fragments[i % 32])[i / 32];
  };
  float sums[8];
  for (int i = 0; i < 8; ++i) {
    const int row = element(i) / 16;
    const int column = element(i) % 16;
    sums[i] = c.x[i];
    for (int k = 0; k < 16; ++k) {
      sums[i] += at(lefts, row * 16 + k) * at(rights, k * 16 + column);
    }
  }
  __syncwarp();
  for (int i = 0; i < 8; ++i) to.x[i] = sums[i];
}

inline void store_matrix_sync(float* to,
                              const fragment<accumulator, 16, 16, 16, float>& from,
                              unsigned stride,
                              layout_t layout) {
  require_aligned(to, stride * 4);
  for (int i = 0; i < 8; ++i) {
    const unsigned row = static_cast<unsigned>(element(i)) / 16;
    const unsigned column = static_cast<unsigned>(element(i)) % 16;
    to[layout == mem_row_major ? row * stride + column : column * stride + row] = from.x[i];
  }
  __syncwarp();
}

}  // namespace nvcuda::wmma
