#include "emulated_gpu/fiber.h"

#include <cstdint>

namespace longhaul::emulated_gpu {

#if defined(__x86_64__)

// Pushes the registers that a function keeps, changes stacks, pops them there.
extern "C" void longhaul_switch_stacks(void** from, void* to);
asm(R"(
.text
.type longhaul_switch_stacks, @function
longhaul_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size longhaul_switch_stacks, .-longhaul_switch_stacks
)");

void Fiber::start(std::byte* stack, std::size_t size, void (*enter)()) {
  // As a call leaves it: the stack pointer is 8 below a multiple of 16 when `enter` begins.
  auto top = reinterpret_cast<std::uintptr_t>(stack + size) / 16 * 16;
  auto* words = reinterpret_cast<std::uintptr_t*>(top);
  *--words = 0;  // where enter would return to
  *--words = reinterpret_cast<std::uintptr_t>(enter);
  for (int saved = 0; saved < 6; ++saved) *--words = 0;
  stack_pointer = words;
}

void switch_fiber(Fiber& from, Fiber& to) {
  longhaul_switch_stacks(&from.stack_pointer, to.stack_pointer);
}

#else

void Fiber::start(std::byte* stack, std::size_t size, void (*enter)()) {
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = size;
  makecontext(&context, enter, 0);
}

void switch_fiber(Fiber& from, Fiber& to) {
  swapcontext(&from.context, &to.context);
}

#endif

}  // namespace longhaul::emulated_gpu
