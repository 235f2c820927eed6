#include "kernels/element.h"
#include "kernels/embedding/embedding.h"

namespace longhaul::kernels {

void embedding_forward_reference(const EmbeddingForward& args, const Launch&) {
  check(args);
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    const std::int64_t row = args.ids[t] * args.width;
    for (std::int64_t c = 0; c < args.width; ++c) {
      store_element(
          args.y, t * args.width + c, args.dtype, load_element(args.table, row + c, args.dtype));
    }
  }
}

void embedding_backward_reference(const EmbeddingBackward& args, const Launch&) {
  check(args);
  for (std::int64_t first = 0, last = 0; first < args.tokens; first = last) {
    const std::int32_t id = args.ids[args.order[first]];
    while (last < args.tokens && args.ids[args.order[last]] == id) ++last;
    for (std::int64_t c = 0; c < args.width; ++c) {
      float sum = load_element(args.d_y, args.order[first] * args.width + c, args.dtype);
      for (std::int64_t i = first + 1; i < last; ++i) {
        sum += load_element(args.d_y, args.order[i] * args.width + c, args.dtype);
      }
      const std::int64_t element = id * args.width + c;
      const float before = load_element(args.d_table, element, args.table_dtype);
      store_element(args.d_table, element, args.table_dtype, before + round_to(args.dtype, sum));
    }
  }
}

}  // namespace longhaul::kernels
