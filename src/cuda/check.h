// CUDA's status codes as exceptions.
#pragma once

#include <cuda_runtime_api.h>

namespace longhaul {

// Throws DeviceError: place, expression, CUDA's name for the status and its explanation. Resets
// the runtime's last error, so that a later check does not report this one again.
[[noreturn]] void throw_cuda_error(cudaError_t status,
                                   const char* expression,
                                   const char* file,
                                   int line);

inline void check_cuda(cudaError_t status, const char* expression, const char* file, int line) {
  if (status != cudaSuccess) throw_cuda_error(status, expression, file, line);
}

}  // namespace longhaul

// Around every call of the CUDA runtime; after a launch, around cudaGetLastError().
#define LONGHAUL_CUDA_CHECK(expression) \
  ::longhaul::check_cuda((expression), #expression, __FILE__, __LINE__)
