#include "tile_product.h"

namespace longhaul {
namespace {

bool has_avx2() {
#if defined(__x86_64__)
  static const bool has = static_cast<bool>(__builtin_cpu_supports("avx2"));
  return has;
#else
  return false;
#endif
}

bool has_avx512() {
#if defined(__x86_64__)
  static const bool has = static_cast<bool>(__builtin_cpu_supports("avx512bw"));
  return has;
#else
  return false;
#endif
}

// Sums in the order of k, like the library's kernels on one accumulator.
template <class T>
void plain_product(const TileProduct& s, const T* a, const T* b, float* c, std::int64_t pairs) {
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      float sum = s.accumulates ? c[i * s.ldc + j] : 0.0F;
      for (std::int64_t k = 0; k < s.k; ++k) {
        const std::int64_t at = (k / pairs * s.n + j) * pairs + k % pairs;
        sum += static_cast<float>(a[i * s.lda + k]) * static_cast<float>(b[at]);
      }
      c[i * s.ldc + j] = sum;
    }
  }
}

}  // namespace

void tile_product(const TileProduct& s, const float* a, const float* b, float* c) {
  if (!has_avx2()) return plain_product(s, a, b, c, 1);
  at::native::cpublas::brgemm(s.m, s.n, s.k, s.lda, s.n, s.ldc, s.accumulates, a, b, c, false);
}

void tile_product(const TileProduct& s, const at::BFloat16* a, const at::BFloat16* b, float* c) {
  if (!has_avx512()) return plain_product(s, a, b, c, 2);
  at::native::cpublas::brgemm(s.m, s.n, s.k, s.lda, s.n, s.ldc, s.accumulates, a, b, c, true);
}

void release_tile_products() {
  at::native::cpublas::brgemm_release(true);
}

}  // namespace longhaul
