// Memory that host and device bodies both read: managed memory where there is a GPU, plain memory
// elsewhere. One of shared_memory_host.cpp and shared_memory_cuda.cpp is linked.
#pragma once

#include <cstddef>
#include <vector>

namespace longhaul::test {

bool has_gpu();
void* allocate_shared(std::size_t bytes);
void free_shared(void* pointer) noexcept;
// Waits until the device has done all that was enqueued on its default stream.
void synchronize_gpu();

template <class T>
struct SharedAllocator {
  using value_type = T;

  SharedAllocator() = default;
  template <class U>
  SharedAllocator(const SharedAllocator<U>&) {
  }  // NOLINT(google-explicit-constructor): an allocator

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_shared(count * sizeof(T))); }
  void deallocate(T* pointer, std::size_t) noexcept { free_shared(pointer); }
  bool operator==(const SharedAllocator&) const = default;
};

template <class T>
using Shared = std::vector<T, SharedAllocator<T>>;

}  // namespace longhaul::test
