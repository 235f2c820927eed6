#include "kernels/attention/rotary.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

template <class T>
void rotate_head(const Rotary& args, std::int64_t first, std::int64_t table_row) {
  const T* x = static_cast<const T*>(args.x) + first;
  T* y = static_cast<T*>(args.y) + first;
  const std::int64_t half = args.rotary_dim / 2;
  const Lanes sign = splat(args.is_inverse ? -1.0F : 1.0F);
  for_lanes(0, half, [&](std::int64_t i, auto span) {
    const Lanes cos = load(args.cos + table_row + i, span);
    const Lanes sin = load(args.sin + table_row + i, span) * sign;
    const Lanes low = load(x + i, span);
    const Lanes high = load(x + half + i, span);
    store(y + i, fnma(high, sin, low * cos), span);
    store(y + half + i, fma(low, sin, high * cos), span);
  });
  if (x == y) return;
  for_lanes(args.rotary_dim, args.head_dim, [&](std::int64_t i, auto span) {
    store(y + i, load(x + i, span), span);
  });
}

}  // namespace

void LONGHAUL_SIMD_BODY(rotary)(const Rotary& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    for_chunks(launch, args.tokens, kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t row = first * args.heads; row < last * args.heads; ++row) {
        const std::int64_t position = args.positions[row / args.heads];
        rotate_head<T>(args, row * args.head_dim, position * (args.rotary_dim / 2));
      }
    });
  });
}

}  // namespace longhaul::kernels
