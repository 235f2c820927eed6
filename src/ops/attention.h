// Causal attention over the packed segments of a micro-batch, forward and backward, on the host.
#pragma once

#include <cstddef>

#include "longhaul/core/thread_pool.h"
#include "longhaul/core/units.h"

#include "kernels/attention/causal_attention.h"

namespace longhaul {

// y and log_sum_exp of every token. Bits do not depend on the number of threads, nor a segment's
// on its neighbours.
void attention_forward(const kernels::CausalAttentionForward& args,
                       ThreadPool& pool,
                       std::byte* scratch,
                       Bytes scratch_size);

void attention_backward(const kernels::CausalAttentionBackward& args,
                        ThreadPool& pool,
                        std::byte* scratch,
                        Bytes scratch_size);

}  // namespace longhaul
