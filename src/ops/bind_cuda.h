// Bodies on the compute lane of a GPU that are not one kernel with fixed arguments: products,
// attention, head and loss, what a cache needs. The others are those of binding.h with CUDA
// kernels.
#pragma once

#include "binding.h"
#include "cuda_products.h"

namespace longhaul {

// What a body on the GPU is bound with.
struct CudaBinding {
  const Binding& common;
  const CudaProducts& products;

  // A matrix by rows in planned memory.
  CudaMatrix matrix(std::byte* data, std::int64_t rows, std::int64_t columns) const {
    return {data, common.dtype(), rows, columns, columns};
  }
  // The workspace lies at `offset` of the op's scratch, a multiple of 256.
  OpBody product(const CudaMatrix& out,
                 const CudaMatrix& a,
                 const CudaMatrix& b,
                 bool accumulates,
                 std::int64_t offset = 0) const;
};

OpBody bind_cuda_linear_forward(const CudaBinding& cuda, const Linear& n);
OpBody bind_cuda_linear_backward(const CudaBinding& cuda, const Linear& n);
OpBody bind_cuda_attention_forward(const CudaBinding& cuda);
OpBody bind_cuda_attention_backward(const CudaBinding& cuda);
OpBody bind_cuda_prefill(const CudaBinding& cuda);
OpBody bind_cuda_decode(const CudaBinding& cuda);
OpBody bind_cuda_head_loss(const CudaBinding& cuda, const HeadLoss& n);
OpBody bind_cuda_head_statistics(const CudaBinding& cuda);
OpBody bind_cuda_head_gradient(const CudaBinding& cuda);
OpBody bind_cuda_logits(const CudaBinding& cuda, const HeadLoss& n);

}  // namespace longhaul
