#include "kernels/attention/causal_attention.h"

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const CausalAttentionForward& args) {
  constexpr const char* kPlace = "causal_attention";
  require(args.tokens >= 1 && args.segment_count >= 1 && args.heads >= 1 && args.kv_heads >= 1 &&
              args.head_dim >= 1,
          kPlace,
          ": got ",
          args.tokens,
          " tokens, ",
          args.segment_count,
          " segments, ",
          args.heads,
          " heads on ",
          args.kv_heads,
          " of ",
          args.head_dim,
          ", expected all above 0");
  require(args.heads % args.kv_heads == 0,
          kPlace,
          ": ",
          args.heads,
          " heads cannot share ",
          args.kv_heads,
          " heads of keys");
  require(args.window >= 0, kPlace, ": window is ", args.window, ", expected at least 0");
  require_float(kPlace, args.dtype);
  require_pointers(kPlace,
                   {{"q", args.q},
                    {"k", args.k},
                    {"v", args.v},
                    {"segments", args.segments},
                    {"y", args.y},
                    {"lse", args.lse}});
}

void check(const CausalAttentionBackward& args) {
  check(args.forward);
  require(args.forward.head_dim <= kMostCudaHeadDim,
          "causal_attention: head_dim is ",
          args.forward.head_dim,
          ", expected at most ",
          kMostCudaHeadDim);
  require_pointers("causal_attention",
                   {{"d_y", args.d_y},
                    {"d_q", args.d_q},
                    {"d_k", args.d_k},
                    {"d_v", args.d_v},
                    {"delta", args.delta}});
}

}  // namespace longhaul::kernels
