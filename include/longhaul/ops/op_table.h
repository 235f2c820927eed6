// The table of op bodies for LibTorch on a HostDevice: forward and backward of every node kind on
// planned memory, without autograd, and the ops of the optimizer step.
#pragma once

#include <memory>

#include "longhaul/graph/model_graph.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/runtime/executor.h"

namespace longhaul {

// Bodies for one graph at one batch shape. `graph`, `format` and `shape` are copied.
// Installs the LibTorch allocator of torch_memory.h.
std::unique_ptr<OpTable> make_host_op_table(const ModelGraph& graph,
                                            const StateFormat& format,
                                            const BatchShape& shape);

}  // namespace longhaul
