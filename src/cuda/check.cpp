#include "cuda/check.h"

#include <string_view>

#include "longhaul/core/error.h"

namespace longhaul {

void throw_cuda_error(cudaError_t status, const char* expression, const char* file, int line) {
  static_cast<void>(cudaGetLastError());
  const std::string_view path = file;
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  throw DeviceError(concat(name,
                           ":",
                           line,
                           ": ",
                           expression,
                           ": ",
                           cudaGetErrorName(status),
                           ": ",
                           cudaGetErrorString(status)));
}

}  // namespace longhaul
