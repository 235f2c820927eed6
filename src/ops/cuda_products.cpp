#include "cuda_products.h"

#include <algorithm>
#include <utility>

#include <cublasLt.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/run_rules.h"

namespace longhaul {
namespace {

void check_cublas(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw DeviceError(concat("cuBLASLt: ", what, ": ", cublasLtGetStatusString(status)));
}

cudaDataType_t type_of(DType dtype) {
  require(dtype == DType::kF32 || dtype == DType::kBF16,
          "product: got ",
          name_of(dtype),
          ", expected fp32 or bf16");
  return dtype == DType::kF32 ? CUDA_R_32F : CUDA_R_16BF;
}

template <class T, cublasStatus_t (*kDestroy)(T*)>
struct Destroy {
  void operator()(T* handle) const noexcept { kDestroy(handle); }
};
template <class T, cublasStatus_t (*kDestroy)(T*)>
using Owned = std::unique_ptr<T, Destroy<T, kDestroy>>;

using Layout = Owned<cublasLtMatrixLayoutOpaque_t, cublasLtMatrixLayoutDestroy>;
using Operation = Owned<cublasLtMatmulDescOpaque_t, cublasLtMatmulDescDestroy>;
using Preference = Owned<cublasLtMatmulPreferenceOpaque_t, cublasLtMatmulPreferenceDestroy>;

// cuBLASLt counts by columns. A matrix by rows is its own transpose there; one by columns is
// itself.
bool is_by_rows(const CudaMatrix& matrix) {
  return matrix.column_stride == 1;
}

// The transpose of `matrix` as it lies in memory.
Layout layout_of(const CudaMatrix& matrix) {
  const bool by_rows = is_by_rows(matrix);
  require(by_rows || matrix.row_stride == 1, "product: no stride of the matrix is 1");
  cublasLtMatrixLayout_t raw = nullptr;
  check_cublas(
      cublasLtMatrixLayoutCreate(&raw,
                                 type_of(matrix.dtype),
                                 static_cast<std::uint64_t>(by_rows ? matrix.columns : matrix.rows),
                                 static_cast<std::uint64_t>(by_rows ? matrix.rows : matrix.columns),
                                 by_rows ? matrix.row_stride : matrix.column_stride),
      "the layout of a matrix");
  return Layout(raw);
}

template <class Value>
void set(Operation& operation, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check_cublas(cublasLtMatmulDescSetAttribute(operation.get(), attribute, &value, sizeof(value)),
               "an attribute of a product");
}

template <class Value>
void set(Preference& preference,
         cublasLtMatmulPreferenceAttributes_t attribute,
         const Value& value) {
  check_cublas(
      cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof(value)),
      "a preference");
}

Operation operation_of(bool transposes_first, bool transposes_second) {
  cublasLtMatmulDesc_t raw = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product");
  Operation operation(raw);
  const auto kind = [](bool transposes) { return transposes ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(operation, CUBLASLT_MATMUL_DESC_TRANSA, static_cast<std::int32_t>(kind(transposes_first)));
  set(operation, CUBLASLT_MATMUL_DESC_TRANSB, static_cast<std::int32_t>(kind(transposes_second)));
  return operation;
}

std::uint32_t alignment_of(const std::byte* address) {
  const auto bits = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(address));
  return std::min<std::uint32_t>(256, bits & (0U - bits));
}

Preference preference_of(const std::byte* first, const std::byte* second, const std::byte* out) {
  cublasLtMatmulPreference_t raw = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&raw), "preferences");
  Preference preference(raw);
  set(preference,
      CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
      static_cast<std::uint64_t>(kCudaProductScratch.count));
  set(preference,
      CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_NONE));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(first));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(second));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(out));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(out));
  return preference;
}

}  // namespace

struct CudaProducts::Handle {
  Handle() { check_cublas(cublasLtCreate(&raw), "its handle"); }
  ~Handle() { cublasLtDestroy(raw); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  cublasLtHandle_t raw = nullptr;
};

namespace {

// out^T = b^T a^T, which is how a product by rows is written by columns.
struct Call {
  std::shared_ptr<CudaProducts::Handle> handle;
  Operation operation;
  Layout first;   // b
  Layout second;  // a
  Layout out;
  cublasLtMatmulAlgo_t algorithm;
  const std::byte* first_data;
  const std::byte* second_data;
  std::byte* out_data;
  float beta;
  std::byte* workspace;
  cudaStream_t stream;

  void enqueue() const {
    const float alpha = 1.0F;
    check_cublas(cublasLtMatmul(handle->raw,
                                operation.get(),
                                &alpha,
                                first_data,
                                first.get(),
                                second_data,
                                second.get(),
                                &beta,
                                out_data,
                                out.get(),
                                out_data,
                                out.get(),
                                &algorithm,
                                workspace,
                                static_cast<std::size_t>(kCudaProductScratch.count),
                                stream),
                 "a product");
  }
};

}  // namespace

CudaProducts::CudaProducts() : handle_(std::make_shared<Handle>()) {}

std::function<void()> CudaProducts::bind(const CudaMatrix& out,
                                         const CudaMatrix& a,
                                         const CudaMatrix& b,
                                         bool accumulates,
                                         std::byte* workspace,
                                         void* stream) const {
  require(a.rows == out.rows && b.columns == out.columns && a.columns == b.rows &&
              a.dtype == b.dtype && is_by_rows(out),
          "product: [",
          a.rows,
          ", ",
          a.columns,
          "] times [",
          b.rows,
          ", ",
          b.columns,
          "] is not a [",
          out.rows,
          ", ",
          out.columns,
          "] by rows");
  require(alignment_of(workspace) == 256, "product: the workspace is not on 256 bytes");
  const auto call =
      std::make_shared<Call>(Call{.handle = handle_,
                                  .operation = operation_of(!is_by_rows(b), !is_by_rows(a)),
                                  .first = layout_of(b),
                                  .second = layout_of(a),
                                  .out = layout_of(out),
                                  .algorithm = {},
                                  .first_data = b.data,
                                  .second_data = a.data,
                                  .out_data = out.data,
                                  .beta = accumulates ? 1.0F : 0.0F,
                                  .workspace = workspace,
                                  .stream = static_cast<cudaStream_t>(stream)});
  const Preference preference = preference_of(b.data, a.data, out.data);
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle_->raw,
                                                               call->operation.get(),
                                                               call->first.get(),
                                                               call->second.get(),
                                                               call->out.get(),
                                                               call->out.get(),
                                                               preference.get(),
                                                               1,
                                                               &found,
                                                               &count);
  if (status != CUBLAS_STATUS_SUCCESS || count == 0 || found.state != CUBLAS_STATUS_SUCCESS) {
    throw DeviceError(concat("cuBLASLt: no algorithm for a product [",
                             a.rows,
                             ", ",
                             a.columns,
                             "] times [",
                             b.rows,
                             ", ",
                             b.columns,
                             "] of ",
                             name_of(a.dtype),
                             " without a split of K: ",
                             cublasLtGetStatusString(status)));
  }
  call->algorithm = found.algo;
  return [call] { call->enqueue(); };
}

void warm_cuda_products() {
  constexpr std::int64_t kSide = 128;
  const auto check = [](cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    static_cast<void>(cudaGetLastError());
    throw DeviceError(concat("warming the GPU: ", what, ": ", cudaGetErrorString(status)));
  };
  check(cudaSetDevice(0), "the first GPU");
  const std::int64_t matrix = kSide * kSide * 4;
  const auto size = static_cast<std::size_t>(kCudaProductScratch.count + 3 * matrix);
  void* memory = nullptr;
  check(cudaMalloc(&memory, size), "memory for a small product");
  const std::unique_ptr<void, cudaError_t (*)(void*)> owned(memory, cudaFree);
  check(cudaMemset(memory, 0, size), "zeros");
  const CudaProducts products;
  auto* workspace = static_cast<std::byte*>(memory);
  const auto at = [&](int index, DType dtype) {
    return CudaMatrix{
        workspace + kCudaProductScratch.count + index * matrix, dtype, kSide, kSide, kSide};
  };
  for (const auto& [inputs, out] : {std::pair{DType::kF32, DType::kF32},
                                    std::pair{DType::kBF16, DType::kBF16},
                                    std::pair{DType::kBF16, DType::kF32}}) {
    products.bind(at(0, out), at(1, inputs), at(2, inputs), false, workspace, nullptr)();
  }
  check(cudaDeviceSynchronize(), "a small product");
}

std::string cuda_products_version() {
  const std::size_t version = cublasLtGetVersion();  // 130100 is 13.1.0
  return concat("cuBLASLt ", version / 10000, ".", version % 10000 / 100, ".", version % 100);
}

}  // namespace longhaul
