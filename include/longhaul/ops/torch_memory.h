// LibTorch's temporaries come out of the planned scratch of the op that runs, on every thread that
// works for it. Installed once, before LibTorch's first allocation that matters; outside of op
// bodies LibTorch allocates as usual.
#pragma once

#include <cstddef>
#include <cstdint>

#include "longhaul/core/units.h"

namespace longhaul {

// Makes LibTorch ask us for CPU memory. Idempotent; safe from any thread.
void install_torch_allocator();

// What every thread that runs op bodies does first: one LibTorch thread, no autograd. Repeated
// calls cost nothing.
void prepare_torch_thread();

// While alive, LibTorch allocations of this thread are answered from [base, base + size). One that
// does not fit throws OutOfMemory. Scopes do not nest.
class ScratchScope {
 public:
  ScratchScope(std::byte* base, Bytes size);
  ~ScratchScope();
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;
};

// Since the start of the program, over all threads.
struct TorchAllocations {
  std::int64_t from_scratch = 0;
  std::int64_t from_system = 0;
};
TorchAllocations torch_allocations();

}  // namespace longhaul
