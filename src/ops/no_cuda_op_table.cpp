#include "longhaul/core/error.h"
#include "longhaul/ops/op_table.h"

namespace longhaul {

std::unique_ptr<OpTable> make_op_table(DeviceKind kind,
                                       const ModelGraph& graph,
                                       const StateFormat& format,
                                       const BatchShape& shape) {
  if (kind == DeviceKind::kHost) return make_host_op_table(graph, format, shape);
  throw DeviceError("make_op_table: this build has no CUDA support");
}

void warm_cuda_libraries() {}

std::vector<std::string> cuda_library_versions() {
  return {};
}

}  // namespace longhaul
