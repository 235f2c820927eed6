#include "longhaul/runtime/arena.h"

#include <algorithm>
#include <cstdint>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// What a process may still hope for: the free memory, or less where its address space is limited.
std::int64_t available_memory() {
  const std::int64_t free = std::int64_t{sysconf(_SC_AVPHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return free;
  return std::min(free, static_cast<std::int64_t>(limit.rlim_cur));
}

}  // namespace

Arena::Arena(const char* tier, Bytes size) : size_(size) {
  require(size.count >= 0, tier, ": got an arena of ", size.count, " B");
  if (size.count == 0) return;
  void* memory = mmap(nullptr,
                      static_cast<std::size_t>(size.count),
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS,
                      -1,
                      0);
  if (memory == MAP_FAILED) throw OutOfMemory(tier, size.count, available_memory());
  base_ = static_cast<std::byte*>(memory);
  // Without huge pages an arena costs a page fault per 4 KiB and more TLB misses, no more.
  (void)madvise(memory, static_cast<std::size_t>(size.count), MADV_HUGEPAGE);
}

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, static_cast<std::size_t>(size_.count));
}

}  // namespace longhaul
