#include "kernels/attention/rotary.h"
#include "kernels/element.h"

namespace longhaul::kernels {
namespace {

void rotate_head(const Rotary& args, std::int64_t first, std::int64_t table_row) {
  const std::int64_t half = args.rotary_dim / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const double cos = args.cos[table_row + i];
    const double sin = args.is_inverse ? -args.sin[table_row + i] : args.sin[table_row + i];
    const double low = load_element(args.x, first + i, args.dtype);
    const double high = load_element(args.x, first + half + i, args.dtype);
    store_element(args.y, first + i, args.dtype, low * cos - high * sin);
    store_element(args.y, first + half + i, args.dtype, high * cos + low * sin);
  }
  for (std::int64_t i = args.rotary_dim; i < args.head_dim; ++i) {
    store_element(args.y, first + i, args.dtype, load_element(args.x, first + i, args.dtype));
  }
}

}  // namespace

void rotary_reference(const Rotary& args, const Launch&) {
  check(args);
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    for (std::int64_t h = 0; h < args.heads; ++h) {
      rotate_head(
          args, (t * args.heads + h) * args.head_dim, args.positions[t] * (args.rotary_dim / 2));
    }
  }
}

}  // namespace longhaul::kernels
