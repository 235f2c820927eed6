// Matrix products on a GPU: one cuBLASLt call each, whose algorithm is chosen when the op is bound.
// Nothing is allocated and no state is kept between calls: the workspace is the op's planned
// scratch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "longhaul/core/dtype.h"

namespace longhaul {

// A matrix in device memory, [rows, columns] with any strides, one of them 1.
struct CudaMatrix {
  std::byte* data = nullptr;
  DType dtype = DType::kF32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 1;

  CudaMatrix transposed() const { return {data, dtype, columns, rows, column_stride, row_stride}; }
};

class CudaProducts {
 public:
  // For the GPU that is the calling thread's. Throws DeviceError when cuBLASLt refuses.
  CudaProducts();

  // A body that enqueues out = a b, or out += a b (added before the one rounding), on `stream`.
  // a [m, k] and b [k, n] of one dtype, fp32 or bf16; out [m, n] by rows, of that dtype or fp32.
  // K is never split and sums are fp32, without TF32. The algorithm depends on sizes, dtypes,
  // strides and the alignment of the three addresses up to 256 bytes, which no plan changes.
  // `workspace`: kCudaProductScratch bytes, on 256. The bodies keep what they need alive.
  std::function<void()> bind(const CudaMatrix& out,
                             const CudaMatrix& a,
                             const CudaMatrix& b,
                             bool accumulates,
                             std::byte* workspace,
                             void* stream) const;

  struct Handle;

 private:
  std::shared_ptr<Handle> handle_;
};

// Runs one small product of each kind on the first GPU and waits for it.
void warm_cuda_products();

// "cuBLASLt 13.1.0"
std::string cuda_products_version();

}  // namespace longhaul
