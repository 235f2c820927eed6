// What every body of every kernel is given beside its arguments, and how the bodies are named.
#pragma once

#include <cstdint>

namespace longhaul {
class ThreadPool;
}

namespace longhaul::kernels {

// Where a kernel runs.
struct Launch {
  ThreadPool* pool;  // host bodies share their loops among these threads; never null for them
  void* stream;      // CUDA bodies enqueue on this cudaStream_t and return
};

// Reductions over rows form one fp32 partial sum per chunk of this many rows and add the partial
// sums in index order, so their bits do not depend on the number of threads.
inline constexpr std::int64_t kRowsPerChunk = 64;

// Chunks of `size` (> 0) that cover `count` elements; the last may be short.
[[gnu::always_inline]] constexpr std::int64_t chunk_count(std::int64_t count, std::int64_t size) {
  return (count + size - 1) / size;
}

// Declares the bodies of the kernel `name`; all take the same arguments and check them.
//   _reference                 the definition as a plain loop on one thread: the tests' oracle
//   _portable, _avx2, _avx512  one source compiled per instruction set, threaded; same bits
//   _cuda                      enqueues on the stream and returns
// A macro so that no body of a kernel can be declared with other arguments than its siblings.
#define LONGHAUL_DECLARE_KERNEL(name, Arguments)                      \
  void name##_reference(const Arguments& args, const Launch& launch); \
  void name##_portable(const Arguments& args, const Launch& launch);  \
  void name##_avx2(const Arguments& args, const Launch& launch);      \
  void name##_avx512(const Arguments& args, const Launch& launch);    \
  void name##_cuda(const Arguments& args, const Launch& launch)

}  // namespace longhaul::kernels
