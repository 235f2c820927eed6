// The tables of op bodies: forward and backward of every node kind on planned memory, without
// autograd, and the ops of the optimizer step. On a HostDevice products are LibTorch's; on a
// CudaDevice they are cuBLASLt's and everything else is a kernel of ours.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "longhaul/core/device_kind.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/runtime/executor.h"

namespace longhaul {

// Bodies for one graph at one batch shape. `graph`, `format` and `shape` are copied.
// Installs the LibTorch allocator of torch_memory.h.
std::unique_ptr<OpTable> make_host_op_table(const ModelGraph& graph,
                                            const StateFormat& format,
                                            const BatchShape& shape);

// The table for a kind of device. For a GPU: the one that is the calling thread's, made before.
// Throws DeviceError in a build without CUDA.
std::unique_ptr<OpTable> make_op_table(DeviceKind kind,
                                       const ModelGraph& graph,
                                       const StateFormat& format,
                                       const BatchShape& shape);

// Loads what cuBLASLt needs on the GPU, which takes memory there. Nothing in a build without CUDA.
void warm_cuda_libraries();

// What the bits of a GPU depend on besides the GPU and its driver: "cuBLASLt 13.1.0".
std::vector<std::string> cuda_library_versions();

}  // namespace longhaul
