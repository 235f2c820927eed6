#include "longhaul/runtime/arena.h"

#include <sys/mman.h>

#include "longhaul/core/error.h"

namespace longhaul {

Arena::Arena(const char* tier, Bytes size) : size_(size) {
  require(size.count >= 0, tier, ": got an arena of ", size.count, " B");
  if (size.count == 0) return;
  void* memory = mmap(nullptr,
                      static_cast<std::size_t>(size.count),
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS,
                      -1,
                      0);
  if (memory == MAP_FAILED) throw OutOfMemory(tier, size.count, 0);
  base_ = static_cast<std::byte*>(memory);
  // Without huge pages an arena costs a page fault per 4 KiB and more TLB misses, no more.
  (void)madvise(memory, static_cast<std::size_t>(size.count), MADV_HUGEPAGE);
}

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, static_cast<std::size_t>(size_.count));
}

}  // namespace longhaul
