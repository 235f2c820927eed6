#include "kernels/embedding/embedding.h"

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const EmbeddingForward& args) {
  constexpr const char* kPlace = "embedding_forward";
  require_rows(kPlace, args.tokens, args.width);
  require_float(kPlace, args.dtype);
  if (args.tokens == 0) return;
  require_pointers(kPlace, {{"table", args.table}, {"ids", args.ids}, {"y", args.y}});
}

void check(const EmbeddingBackward& args) {
  constexpr const char* kPlace = "embedding_backward";
  require_rows(kPlace, args.tokens, args.width);
  require_float(kPlace, args.dtype);
  require(args.table_dtype == args.dtype || args.table_dtype == DType::kF32,
          kPlace,
          ": table_dtype is ",
          name_of(args.table_dtype),
          ", expected ",
          name_of(args.dtype),
          " or fp32");
  if (args.tokens == 0) return;
  require_pointers(
      kPlace,
      {{"d_y", args.d_y}, {"ids", args.ids}, {"order", args.order}, {"d_table", args.d_table}});
}

}  // namespace longhaul::kernels
