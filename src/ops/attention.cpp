#include "attention.h"

namespace longhaul {

void attention_forward(const kernels::CausalAttentionForward& args,
                       ThreadPool& /*pool*/,
                       std::byte* /*scratch*/,
                       Bytes /*scratch_size*/) {
  kernels::causal_attention_forward_reference(args);
}

void attention_backward(const kernels::CausalAttentionBackward& args,
                        ThreadPool& /*pool*/,
                        std::byte* /*scratch*/,
                        Bytes /*scratch_size*/) {
  kernels::causal_attention_backward_reference(args);
}

}  // namespace longhaul
