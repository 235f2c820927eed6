#include "kernels/attention/cached_attention.h"

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {

std::int64_t cached_attention_scratch(std::int64_t length,
                                      std::int64_t heads,
                                      std::int64_t head_dim) {
  return heads * chunk_count(length, kKeysPerChunk) * (head_dim + 2) *
         static_cast<std::int64_t>(sizeof(float));
}

void check(const CachedAttention& args) {
  constexpr const char* kPlace = "cached_attention";
  require(args.length >= 1, kPlace, ": length is ", args.length, ", expected at least 1");
  require_rows(kPlace, args.heads, args.head_dim);
  require(args.kv_heads >= 1 && args.heads >= 1 && args.heads % args.kv_heads == 0,
          kPlace,
          ": heads is ",
          args.heads,
          ", expected a positive multiple of kv_heads = ",
          args.kv_heads);
  require(args.window >= 0, kPlace, ": window is ", args.window, ", expected at least 0");
  require_float(kPlace, args.dtype);
  require_pointers(kPlace,
                   {{"q", args.q},
                    {"keys", args.keys},
                    {"values", args.values},
                    {"y", args.y},
                    {"scratch", args.scratch}});
}

}  // namespace longhaul::kernels
