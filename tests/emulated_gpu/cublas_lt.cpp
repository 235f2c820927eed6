// cuBLASLt's products, as far as longhaul calls them: matrices by columns, sums in fp32 over the
// whole of K, rounded once. What a GPU refuses or would do wrong ends the program.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cublasLt.h>

#include "longhaul/core/dtype.h"

#include "emulated_gpu/runtime.h"

namespace {

struct Layout {
  cudaDataType_t type;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t stride;  // elements between columns
};
static_assert(sizeof(Layout) <= sizeof(cublasLtMatrixLayoutOpaque_t));

struct Operation {
  cublasComputeType_t compute;
  bool transposes_a;
  bool transposes_b;
};
static_assert(sizeof(Operation) <= sizeof(cublasLtMatmulDescOpaque_t));

struct Preference {
  std::uint64_t workspace;
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t alignments[4] = {256, 256, 256, 256};
};
static_assert(sizeof(Preference) <= sizeof(cublasLtMatmulPreferenceOpaque_t));

// What an algorithm was chosen for.
struct Choice {
  std::int64_t m, n, k;
  std::uint32_t alignments[4];
  std::uint64_t workspace;
};
static_assert(sizeof(Choice) <= sizeof(cublasLtMatmulAlgo_t));

template <class Ours, class Theirs>
Ours& ours(Theirs* theirs) {
  return *reinterpret_cast<Ours*>(theirs);
}

void expect(bool is_right, const char* what) {
  if (is_right) return;
  std::fprintf(stderr, "emulated cuBLASLt: %s\n", what);
  std::abort();
}

float element(const void* data, const Layout& layout, std::int64_t row, std::int64_t column) {
  const std::int64_t i = column * layout.stride + row;
  if (layout.type == CUDA_R_32F) return static_cast<const float*>(data)[i];
  return longhaul::from_bf16(static_cast<const std::uint16_t*>(data)[i]);
}

void assign(void* data, const Layout& layout, std::int64_t row, std::int64_t column, float x) {
  const std::int64_t i = column * layout.stride + row;
  if (layout.type == CUDA_R_32F) {
    static_cast<float*>(data)[i] = x;
  } else {
    static_cast<std::uint16_t*>(data)[i] = longhaul::to_bf16(x);
  }
}

struct Product {
  Operation operation;
  Layout a, b, c;
  const void* a_data;
  const void* b_data;
  void* c_data;
  float beta;

  std::int64_t depth() const { return operation.transposes_a ? a.rows : a.columns; }

  void run() const {
    const std::int64_t k = depth();
    // Copied in the order of the sums: some strides are far apart.
    std::vector<float> left(static_cast<std::size_t>(c.rows * k));
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t d = 0; d < k; ++d) {
        left[static_cast<std::size_t>(i * k + d)] =
            operation.transposes_a ? element(a_data, a, d, i) : element(a_data, a, i, d);
      }
    }
    std::vector<float> right(static_cast<std::size_t>(k));
    for (std::int64_t j = 0; j < c.columns; ++j) {
      for (std::int64_t d = 0; d < k; ++d) {
        right[static_cast<std::size_t>(d)] =
            operation.transposes_b ? element(b_data, b, j, d) : element(b_data, b, d, j);
      }
      for (std::int64_t i = 0; i < c.rows; ++i) {
        float sum = 0.0F;
        for (std::int64_t d = 0; d < k; ++d) {
          sum += left[static_cast<std::size_t>(i * k + d)] * right[static_cast<std::size_t>(d)];
        }
        if (beta != 0.0F) sum += beta * element(c_data, c, i, j);
        assign(c_data, c, i, j, sum);
      }
    }
  }
};

bool fits(const Layout& a, const Layout& b, const Layout& c, const Operation& operation) {
  const std::int64_t m = operation.transposes_a ? a.columns : a.rows;
  const std::int64_t k = operation.transposes_a ? a.rows : a.columns;
  const std::int64_t inner = operation.transposes_b ? b.columns : b.rows;
  const std::int64_t n = operation.transposes_b ? b.rows : b.columns;
  return c.rows == m && c.columns == n && inner == k && a.type == b.type && a.stride >= a.rows &&
         b.stride >= b.rows && c.stride >= c.rows && (c.type == a.type || c.type == CUDA_R_32F) &&
         operation.compute == CUBLAS_COMPUTE_32F;
}

bool is_aligned(const void* data, std::uint32_t alignment) {
  return reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new int);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
std::size_t cublasLtGetVersion() {
  return 130000;
}
const char* cublasLtGetStatusString(cublasStatus_t /*status*/) {
  return "a status of the emulated cuBLASLt";
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout,
                                          cudaDataType type,
                                          std::uint64_t rows,
                                          std::uint64_t columns,
                                          std::int64_t stride) {
  *layout = new cublasLtMatrixLayoutOpaque_t{};
  ours<Layout>(*layout) = {
      type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), stride};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation,
                                        cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  *operation = new cublasLtMatmulDescOpaque_t{};
  ours<Operation>(*operation) = {compute, false, false};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  delete operation;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value,
                                              std::size_t size) {
  if (size != sizeof(std::int32_t)) return CUBLAS_STATUS_INVALID_VALUE;
  const bool transposes = *static_cast<const std::int32_t*>(value) == CUBLAS_OP_T;
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: ours<Operation>(operation).transposes_a = transposes; break;
    case CUBLASLT_MATMUL_DESC_TRANSB: ours<Operation>(operation).transposes_b = transposes; break;
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t{};
  ours<Preference>(*preference) = Preference{};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value,
                                                    std::size_t size) {
  Preference& to = ours<Preference>(preference);
  const bool is_wide = attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
  if (size != (is_wide ? 8 : 4)) return CUBLAS_STATUS_INVALID_VALUE;
  if (is_wide) {
    std::memcpy(&to.workspace, value, 8);
    return CUBLAS_STATUS_SUCCESS;
  }
  const std::uint32_t number = *static_cast<const std::uint32_t*>(value);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: to.reductions = number; break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: to.alignments[0] = number; break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: to.alignments[1] = number; break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: to.alignments[2] = number; break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: to.alignments[3] = number; break;
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t /*handle*/,
                                              cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference,
                                              int wanted,
                                              cublasLtMatmulHeuristicResult_t found[],
                                              int* count) {
  const Operation& op = ours<Operation>(operation);
  expect(c == d && wanted == 1, "one result, in place");
  if (!fits(ours<Layout>(a), ours<Layout>(b), ours<Layout>(c), op)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const Preference& wish = ours<Preference>(preference);
  expect(wish.reductions == CUBLASLT_REDUCTION_SCHEME_NONE, "K would be split");
  found[0] = {};
  Choice choice{ours<Layout>(c).rows, ours<Layout>(c).columns, 0, {}, wish.workspace};
  choice.k = op.transposes_a ? ours<Layout>(a).rows : ours<Layout>(a).columns;
  std::memcpy(choice.alignments, wish.alignments, sizeof(choice.alignments));
  ours<Choice>(&found[0].algo) = choice;
  found[0].state = CUBLAS_STATUS_SUCCESS;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t /*handle*/,
                              cublasLtMatmulDesc_t operation,
                              const void* alpha,
                              const void* a_data,
                              cublasLtMatrixLayout_t a,
                              const void* b_data,
                              cublasLtMatrixLayout_t b,
                              const void* beta,
                              const void* c_data,
                              cublasLtMatrixLayout_t c,
                              void* d_data,
                              cublasLtMatrixLayout_t d,
                              const cublasLtMatmulAlgo_t* algorithm,
                              void* workspace,
                              std::size_t workspace_size,
                              cudaStream_t stream) {
  expect(*static_cast<const float*>(alpha) == 1.0F && c == d && c_data == d_data, "in place");
  const Product product{ours<Operation>(operation),
                        ours<Layout>(a),
                        ours<Layout>(b),
                        ours<Layout>(c),
                        a_data,
                        b_data,
                        d_data,
                        *static_cast<const float*>(beta)};
  const Choice& choice = ours<const Choice>(algorithm);
  expect(choice.m == product.c.rows && choice.n == product.c.columns && choice.k == product.depth(),
         "an algorithm of another shape");
  expect(is_aligned(a_data, choice.alignments[0]) && is_aligned(b_data, choice.alignments[1]) &&
             is_aligned(d_data, choice.alignments[3]),
         "an address is not aligned as it was promised");
  expect(is_aligned(workspace, 256) && workspace_size >= choice.workspace, "the workspace");
  longhaul::emulated_gpu::enqueue(stream, [product, workspace, workspace_size] {
    std::memset(workspace, 0xFF, workspace_size);  // as a product may leave it
    product.run();
  });
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
