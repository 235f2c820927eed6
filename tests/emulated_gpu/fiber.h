// Switches between stacks of one thread, without a call of the system.
#pragma once

#include <cstddef>

#include <ucontext.h>

namespace longhaul::emulated_gpu {

#if defined(__x86_64__)

struct Fiber {
  void* stack_pointer = nullptr;

  // The next switch to this fiber calls `enter`, which never returns.
  void start(std::byte* stack, std::size_t size, void (*enter)());
};

#else

struct Fiber {
  ucontext_t context{};

  void start(std::byte* stack, std::size_t size, void (*enter)());
};

#endif

void switch_fiber(Fiber& from, Fiber& to);

}  // namespace longhaul::emulated_gpu
