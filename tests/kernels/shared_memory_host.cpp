#include <new>

#include "kernels/shared_memory.h"

namespace longhaul::test {

bool has_gpu() {
  return false;
}
void* allocate_shared(std::size_t bytes) {
  return ::operator new(bytes);
}
void free_shared(void* pointer) noexcept {
  ::operator delete(pointer);
}
void synchronize_gpu() {}

}  // namespace longhaul::test
